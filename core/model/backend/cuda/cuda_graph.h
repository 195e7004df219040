// Graphs of CUDA.
#pragma once

#include <c10/core/Device.h>

#include <memory>

#include "core/model/backend/cuda/graph.h"

namespace pass {

// nullptr: this build has none, because LibTorch or CUDA's headers were missing (PASS_WITH_CUDA).
std::unique_ptr<GraphRecorder> MakeCudaGraphRecorder(c10::Device device);

}  // namespace pass
