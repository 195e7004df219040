// What stands on the host as tensors of a device: matrices of a look-ahead file, and rows of a table by their numbers.
#pragma once

#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/tensor.h>

#include <span>
#include <vector>

#include "core/model/lookahead/lookahead_file.h"

namespace pass {

// A copy, in the type and on the device of `options`.
inline at::Tensor ToTensor(const Bf16Matrix& matrix, const at::TensorOptions& options) {
  auto* values = const_cast<uint16_t*>(matrix.values.data());  // only read
  return at::from_blob(values, {matrix.rows, matrix.columns}, at::kBFloat16)
      .to(options, /*non_blocking=*/false, /*copy=*/true);
}

// A tensor on the host, in memory that a GPU reads by itself: a copy from it does not hold the host up.
inline at::Tensor Pinned(const at::Tensor& host, at::Device device) {
  return device.is_cuda() ? host.pin_memory() : host;
}

// Copied to the device, where that is another.
inline at::Tensor Upload(const at::Tensor& host, at::Device device) {
  return device.is_cpu() ? host : Pinned(host, device).to(device, /*non_blocking=*/true);
}

// [n, d]: these rows of table [*, d], in this order. The numbers are uploaded.
template <typename Number>
at::Tensor RowsOf(const at::Tensor& table, std::span<const Number> rows) {
  const std::vector<int64_t> index(rows.begin(), rows.end());
  return table.index_select(0, Upload(at::tensor(index, at::kLong), table.device()));
}

}  // namespace pass
