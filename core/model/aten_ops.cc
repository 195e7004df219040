#include "core/model/aten_ops.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <vector>

namespace pass::aten {
namespace {

at::Tensor RotateHalfSplit(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const auto halves = x.chunk(2, /*dim=*/-1);
  return at::cat({halves[0] * cos - halves[1] * sin, halves[1] * cos + halves[0] * sin}, -1);
}

// Rows of one sequence, as indices into the forward.
std::vector<std::vector<int64_t>> RowsBySequence(const AttentionPlan& plan) {
  std::vector<std::vector<int64_t>> groups;
  for (size_t r = 0; r < plan.rows.size(); ++r) {
    const int32_t* pages = plan.rows[r].pages;
    bool found = false;
    for (auto& group : groups) {
      if (plan.rows[group.front()].pages != pages) continue;
      group.push_back(static_cast<int64_t>(r));
      found = true;
      break;
    }
    if (!found) groups.push_back({static_cast<int64_t>(r)});
  }
  return groups;
}

// 0 where row i of the group may read key j, else -infinity. Keys: the committed prefix, then the group's rows.
at::Tensor AncestorMask(const AttentionPlan& plan, const std::vector<int64_t>& group) {
  const int64_t committed = plan.rows[group.front()].committed;
  const int64_t count = static_cast<int64_t>(group.size());
  at::Tensor mask = at::full({count, committed + count}, -std::numeric_limits<float>::infinity());
  mask.narrow(1, 0, committed).zero_();
  for (int64_t i = 0; i < count; ++i) {
    for (int row = static_cast<int>(group[i]); row >= 0; row = plan.rows[row].parent) {
      for (int64_t j = 0; j < count; ++j) {
        if (group[j] == row) mask[i][committed + j] = 0.0f;
      }
    }
  }
  return mask;
}

}  // namespace

void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out) {
  if (delta.defined()) residual.add_(delta);
  const at::Tensor mean_square = residual.square().mean(-1, /*keepdim=*/true);
  out.copy_(residual * at::rsqrt(mean_square + epsilon) * weight);
}

void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values) {
  const int64_t rows = qkv.size(0);
  const at::Tensor cos = tables.cos.index_select(0, positions).unsqueeze(1);  // [rows, 1, head_dim / 2]
  const at::Tensor sin = tables.sin.index_select(0, positions).unsqueeze(1);
  const at::Tensor heads = qkv.view({rows, shape.heads + 2 * shape.kv_heads, shape.head_dim});
  const at::Tensor q = heads.narrow(1, 0, shape.heads).to(at::kFloat);
  const at::Tensor k = heads.narrow(1, shape.heads, shape.kv_heads).to(at::kFloat);
  const at::Tensor v = heads.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads);
  query.narrow(0, 0, rows)
      .copy_(RotateHalfSplit(q, cos, sin) / std::sqrt(static_cast<double>(shape.head_dim)));
  keys.narrow(0, 0, rows).copy_(RotateHalfSplit(k, cos, sin));
  values.narrow(0, 0, rows).copy_(v);
}

void Attention(const AttentionPlan& plan, const HeadShape& shape, const at::Tensor& query,
               const at::Tensor& row_keys, const at::Tensor& row_values, const at::Tensor& page_keys,
               const at::Tensor& page_values, at::Tensor& out) {
  const auto device = query.device();
  const int64_t group_size = shape.heads / shape.kv_heads;
  for (const auto& group : RowsBySequence(plan)) {
    const AttentionRow& first = plan.rows[group.front()];
    const int64_t num_pages = (first.committed + kPageTokens - 1) / kPageTokens;
    const std::vector<int64_t> page_ids(first.pages, first.pages + num_pages);
    const at::Tensor pages = at::tensor(page_ids, at::kLong).to(device);
    const at::Tensor rows = at::tensor(group, at::kLong).to(device);
    const int64_t count = static_cast<int64_t>(group.size());

    // [kv_heads, keys, head_dim]
    const auto with_rows = [&](const at::Tensor& prefix, const at::Tensor& of_rows) {
      return at::cat({prefix.reshape({shape.kv_heads, num_pages * kPageTokens, shape.head_dim})
                          .narrow(1, 0, first.committed),
                      of_rows.index_select(0, rows).transpose(0, 1)},
                     1)
          .to(at::kFloat);
    };
    const at::Tensor keys = with_rows(page_keys.index_select(0, pages).permute({1, 0, 3, 2}), row_keys);
    const at::Tensor values = with_rows(page_values.index_select(0, pages).permute({1, 0, 2, 3}), row_values);
    const at::Tensor q = query.index_select(0, rows)
                             .view({count, shape.kv_heads, group_size, shape.head_dim})
                             .permute({1, 2, 0, 3});  // [kv_heads, group, rows, head_dim]
    const at::Tensor scores =
        at::matmul(q, keys.unsqueeze(1).transpose(-1, -2)) + AncestorMask(plan, group).to(device);
    const at::Tensor weighted = at::matmul(scores.softmax(-1), values.unsqueeze(1));
    out.index_copy_(0, rows, weighted.permute({2, 0, 1, 3}).reshape({count, -1}).to(out.scalar_type()));
  }
}

void SwiGlu(const at::Tensor& gate_up, at::Tensor& out) {
  const auto halves = gate_up.to(at::kFloat).chunk(2, -1);
  out.copy_(at::silu(halves[0]) * halves[1]);
}

}  // namespace pass::aten
