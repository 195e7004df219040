// The gate of a feed-forward block by its kernel, apart from the product before it.
#pragma once

#include <ATen/ops/empty.h>

#include "core/checkpoint/config.h"
#include "core/kernels/kernels.h"
#include "core/model/compute_type.h"

namespace pass::testing {

// gate_up [rows, 2 width], gate first, to [rows, width].
inline at::Tensor Gate(Activation activation, const at::Tensor& gate_up) {
  const int64_t rows = gate_up.size(0), width = gate_up.size(1) / 2;
  const at::Tensor out = at::empty({rows, width}, gate_up.options());
  ForComputeType(gate_up, [&]<typename T>(T*) {
    const auto& table = kernels::ForThisCpu<T>();
    (activation == Activation::kSilu ? table.swiglu : table.geglu)(
        static_cast<const T*>(gate_up.data_ptr()), rows, width, static_cast<T*>(out.data_ptr()), 0, width);
  });
  return out;
}

}  // namespace pass::testing
