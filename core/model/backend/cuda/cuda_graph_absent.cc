// In place of cuda_graph.cc in builds without CUDA.
#include "core/model/backend/cuda/cuda_graph.h"

namespace pass {

std::unique_ptr<GraphRecorder> MakeCudaGraphRecorder(c10::Device /*device*/) { return nullptr; }
bool HasBf16TensorCores(c10::Device /*device*/) { return false; }
void* CurrentCudaStream() { return nullptr; }

}  // namespace pass
