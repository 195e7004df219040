// In place of cuda_graph.cc in builds without CUDA.
#include "core/model/backend/cuda/cuda_graph.h"

namespace pass {

std::unique_ptr<GraphRecorder> MakeCudaGraphRecorder(c10::Device /*device*/) { return nullptr; }

}  // namespace pass
