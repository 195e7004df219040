#include "core/train/row_attention.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <vector>

namespace pass {
namespace {

constexpr float kMasked = -1e30F;

}  // namespace

RowAttention::RowAttention(std::span<const GroupRow> rows, int64_t num_tokens, int32_t window, double softcap,
                           at::ScalarType compute_type, at::Device device)
    : softcap_(softcap) {
  const auto num_rows = static_cast<int64_t>(rows.size());
  longest_ = 1;
  for (const GroupRow& row : rows) longest_ = std::max<int64_t>(longest_, row.k);
  std::vector<int64_t> ancestors(num_rows * longest_);
  std::vector<float> prefix(num_rows * num_tokens, kMasked), group(num_rows * longest_, kMasked);
  for (int64_t r = 0; r < num_rows; ++r) {
    // The positions from `start` on: those up to the anchor are of the window's tokens, the others of the group.
    const int64_t behind = rows[r].anchor + 1;
    const int64_t start = window > 0 ? std::max<int64_t>(0, rows[r].position() - window + 1) : 0;
    for (int64_t p = start; p < behind; ++p) prefix[r * num_tokens + p] = 0.0F;
    for (int64_t j = std::max<int64_t>(0, start - behind); j < rows[r].k; ++j) group[r * longest_ + j] = 0.0F;
    for (int64_t j = 0; j < longest_; ++j) {
      ancestors[r * longest_ + j] = rows[r].first + std::min<int64_t>(j, rows[r].k - 1);
    }
  }
  const auto mask = [&](const std::vector<float>& values, int64_t columns) {
    return at::tensor(values).view({1, num_rows, 1, columns}).to(device).to(compute_type);
  };
  prefix_mask_ = mask(prefix, num_tokens);
  group_mask_ = mask(group, longest_);
  ancestors_ = at::tensor(ancestors).to(device);
}

at::Tensor RowAttention::Attend(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                                const at::Tensor& prefix_keys, const at::Tensor& prefix_values) const {
  const int64_t num_rows = query.size(0), dim = query.size(2), kv = keys.size(1), repeat = query.size(1) / kv;
  const int64_t num_tokens = prefix_keys.size(1);
  const auto type = query.scalar_type();
  const auto wide = type == at::kDouble ? at::kDouble : at::kFloat;
  const auto capped = [this](const at::Tensor& scores) {
    return softcap_ > 0 ? at::tanh(scores / softcap_) * softcap_ : scores;
  };
  // [K, R * repeat, D]
  const at::Tensor by_head =
      query.view({num_rows, kv, repeat, dim}).permute({1, 0, 2, 3}).reshape({kv, num_rows * repeat, dim});
  // The group's keys and values beside each row: [K, R, longest, D].
  const auto gather = [&](const at::Tensor& own) {
    return own.index_select(0, ancestors_).view({num_rows, longest_, kv, dim}).permute({2, 0, 1, 3});
  };
  const at::Tensor prefix_scores =
      at::bmm(by_head, prefix_keys.transpose(1, 2)).view({kv, num_rows, repeat, num_tokens});
  const at::Tensor group_scores =
      at::matmul(by_head.view({kv, num_rows, repeat, dim}), gather(keys).transpose(2, 3)).to(wide);
  const at::Tensor scores = at::cat(
      {(capped(prefix_scores) + prefix_mask_).to(wide), capped(group_scores) + group_mask_.to(wide)}, -1);
  const std::vector<at::Tensor> weights =
      at::softmax(scores, -1).split_with_sizes({num_tokens, longest_}, -1);
  const at::Tensor from_prefix =
      at::bmm(weights[0].to(type).reshape({kv, num_rows * repeat, num_tokens}), prefix_values);
  const at::Tensor from_group = at::matmul(weights[1].to(type), gather(values));  // [K, R, repeat, D]
  return (from_prefix.view({kv, num_rows, repeat, dim}) + from_group)
      .permute({1, 0, 2, 3})
      .reshape({num_rows, kv * repeat * dim});
}

}  // namespace pass
