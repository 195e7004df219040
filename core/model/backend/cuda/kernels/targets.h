// The kernels that this program has.
#pragma once

#include "core/model/backend/cuda/kernels/cuda_kernels.h"

namespace pass::cuda {

// nullptr: the build has none, because nvcc was missing (PASS_WITH_NVCC).
const Kernels* DeviceKernels();

// Those of emulated_kernels.h, where a program links them and says so: a test does.
inline const Kernels* emulated_kernels = nullptr;

}  // namespace pass::cuda
