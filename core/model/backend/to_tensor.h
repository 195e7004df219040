// Matrices of a look-ahead file as tensors.
#pragma once

#include <ATen/ops/from_blob.h>

#include "core/model/lookahead/lookahead_file.h"

namespace pass {

// A copy, in the type and on the device of `options`.
inline at::Tensor ToTensor(const Bf16Matrix& matrix, const at::TensorOptions& options) {
  auto* values = const_cast<uint16_t*>(matrix.values.data());  // only read
  return at::from_blob(values, {matrix.rows, matrix.columns}, at::kBFloat16)
      .to(options, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace pass
