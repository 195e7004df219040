#include "core/model/backend/cuda/kernels/targets.h"

namespace pass::cuda {

namespace device {
extern const Kernels kKernels;  // kernels.cu, by nvcc
}

const Kernels* DeviceKernels() { return &device::kKernels; }

}  // namespace pass::cuda
