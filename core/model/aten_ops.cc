#include "core/model/aten_ops.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace pass::aten {
namespace {

// The leading elements of each head, as many as the tables have; the others stay.
at::Tensor RotateHalfSplit(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const int64_t half = cos.size(-1);
  const at::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  const at::Tensor rest = x.narrow(-1, 2 * half, x.size(-1) - 2 * half);
  return at::cat({first * cos - second * sin, second * cos + first * sin, rest}, -1);
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
at::Tensor AncestorMask(const AttentionPlan& plan, const std::vector<int64_t>& group, int32_t window) {
  const int64_t committed = plan.rows[group.front()].committed;
  const int64_t count = static_cast<int64_t>(group.size());
  at::Tensor mask = at::full({count, committed + count}, -std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < count; ++i) {
    const int32_t position = plan.rows[group[i]].position;
    const int32_t start = window > 0 ? std::max(0, position - window + 1) : 0;
    if (start < committed) mask[i].narrow(0, start, committed - start).zero_();
    for (int row = static_cast<int>(group[i]); row >= 0; row = plan.rows[row].parent) {
      if (plan.rows[row].position < start) break;
      for (int64_t j = 0; j < count; ++j) {
        if (group[j] == row) mask[i][committed + j] = 0.0f;
      }
    }
  }
  return mask;
}

}  // namespace

void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out, double multiplier) {
  if (delta.defined()) residual.add_(delta, multiplier);
  if (!weight.defined()) {
    out.copy_(residual);
    return;
  }
  const at::Tensor mean_square = residual.square().mean(-1, /*keepdim=*/true);
  out.copy_(residual * at::rsqrt(mean_square + epsilon) * weight);
}

void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight, double epsilon) {
  const int64_t width = weight.size(0);
  const at::Tensor part = x.narrow(1, first, segments * width);
  const at::Tensor wide = part.to(at::kFloat).reshape({x.size(0), segments, width});
  const at::Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
  part.copy_((wide * scale * weight).reshape({x.size(0), segments * width}));
}

void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values) {
  const int64_t rows = qkv.size(0);
  const at::Tensor heads = qkv.view({rows, shape.heads + 2 * shape.kv_heads, shape.head_dim});
  at::Tensor q = heads.narrow(1, 0, shape.heads).to(at::kFloat);
  at::Tensor k = heads.narrow(1, shape.heads, shape.kv_heads).to(at::kFloat);
  const at::Tensor v = heads.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads);
  if (tables.cos.defined()) {
    const at::Tensor cos = tables.cos.index_select(0, positions).unsqueeze(1);  // [rows, 1, rotary_dim / 2]
    const at::Tensor sin = tables.sin.index_select(0, positions).unsqueeze(1);
    q = RotateHalfSplit(q, cos, sin);
    k = RotateHalfSplit(k, cos, sin);
  }
  if (tables.query_scales.defined()) {
    q = q * tables.query_scales.index_select(0, positions).view({rows, 1, 1});
  }
  query.narrow(0, 0, rows).copy_(q * shape.score_scale());
  keys.narrow(0, 0, rows).copy_(k);
  values.narrow(0, 0, rows).copy_(v);
}

void Attention(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
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
    at::Tensor scores = at::matmul(q, keys.unsqueeze(1).transpose(-1, -2));
    if (shape.softcap > 0) scores = at::tanh(scores / shape.softcap) * shape.softcap;
    scores = scores + AncestorMask(plan, group, window).to(device);
    const at::Tensor weighted = at::matmul(scores.softmax(-1), values.unsqueeze(1));
    out.index_copy_(0, rows, weighted.permute({2, 0, 1, 3}).reshape({count, -1}).to(out.scalar_type()));
  }
}

void Gate(Activation activation, const at::Tensor& gate_up, at::Tensor& out) {
  const auto halves = gate_up.to(at::kFloat).chunk(2, -1);
  const bool silu = activation == Activation::kSilu;
  out.copy_((silu ? at::silu(halves[0]) : at::gelu(halves[0], "tanh")) * halves[1]);
}

}  // namespace pass::aten
