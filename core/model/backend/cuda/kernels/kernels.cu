#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {

extern const Kernels kKernels;
constinit const Kernels kKernels = {
    .embed = Embed,
    .add_rms_norm = AddRmsNorm,
    .norm_segments = NormSegments,
    .linear = MultiplyRows,
    .rope_split = RopeSplit,
    .project_heads = ProjectHeads,
    .attention = Attend,
    .best_keys = FindBestKeys,
};

}  // namespace pass::cuda::PASS_CUDA_TARGET
