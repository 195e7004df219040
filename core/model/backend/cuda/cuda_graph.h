// Graphs of CUDA.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "core/model/backend/cuda/graph.h"

namespace pass {

// nullptr: this build has none, because LibTorch or CUDA's headers were missing (PASS_WITH_CUDA).
std::unique_ptr<GraphRecorder> MakeCudaGraphRecorder(c10::Device device);

// Whether the device multiplies bf16 matrices as kernels/linear.cu does: since compute capability 8.0.
bool HasBf16TensorCores(c10::Device device);
// The cudaStream_t that work is given to now.
void* CurrentCudaStream();

}  // namespace pass
