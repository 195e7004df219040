// In place of device_kernels.cc in builds without nvcc.
#include "core/model/backend/cuda/kernels/targets.h"

namespace pass::cuda {

const Kernels* DeviceKernels() { return nullptr; }

}  // namespace pass::cuda
