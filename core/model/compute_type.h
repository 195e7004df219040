// From a tensor's dtype to the element type of the kernels.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/kernels/kernels.h"

namespace pass {

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
