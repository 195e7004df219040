// The kernels on the emulation of CUDA's language: for tests.
#pragma once

#include "core/model/backend/cuda/kernels/cuda_kernels.h"

namespace pass::cuda::emulated {

extern const Kernels kKernels;

}  // namespace pass::cuda::emulated
