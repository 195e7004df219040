// From a tensor to the element type and the elements that kernels work on.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/kernels/kernels.h"

namespace pass {

// The elements of a tensor on the CPU, which are of that type or of one as wide.
template <typename T>
T* Data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

// Calls f with a null pointer of the kernels' element type: bf16 or fp32.
template <typename F>
void ForComputeType(const at::Tensor& tensor, F f) {
  if (tensor.scalar_type() == at::kBFloat16) {
    f(static_cast<kernels::Bf16*>(nullptr));
  } else {
    f(static_cast<float*>(nullptr));
  }
}

}  // namespace pass
