// The operators of a layer in ATen's. None of them reads a value on the host.
#include <ATen/ATen.h>

#include <limits>

#include "core/model/backend/aten/aten_backend.h"
#include "core/model/backend/aten/aten_plan.h"
#include "core/model/backend/aten/rotated_heads.h"

namespace pass {
namespace {

// The pages of each row's sequence: [pages, kv_heads, kPageTokens, head_dim] to fp32
// [R, kv_heads, P * kPageTokens, head_dim].
at::Tensor Gather(const at::Tensor& store, const at::Tensor& pages) {
  const int64_t rows = pages.size(0), count = pages.size(1), heads = store.size(1), dim = store.size(3);
  return store.index_select(0, pages.reshape({-1}))
      .view({rows, count, heads, kPageTokens, dim})
      .permute({0, 2, 1, 3, 4})
      .reshape({rows, heads, count * kPageTokens, dim})
      .to(at::kFloat);
}

// bool [R, P * kPageTokens + R]: which committed positions each row reads, and which rows of the forward.
at::Tensor Allowed(const AtenPlan& plan, int32_t window) {
  const at::Tensor places = at::arange(plan.pages.size(1) * kPageTokens, plan.positions.options());
  at::Tensor prefix = places.unsqueeze(0).lt(plan.committed.unsqueeze(1)), rows = plan.ancestors;
  if (window > 0) {
    const at::Tensor start = (plan.positions - (window - 1)).unsqueeze(1);
    prefix = prefix.logical_and(places.unsqueeze(0).ge(start));
    rows = rows.logical_and(plan.positions.unsqueeze(0).ge(start));
  }
  return at::cat({prefix, rows}, 1);
}

}  // namespace

void AtenBackend::Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
                        const at::Tensor& lookahead, at::Tensor& residual) const {
  const auto& rows = static_cast<const EmbeddedRows&>(plan);
  at::Tensor embedded = embedding.index_select(0, rows.tokens).to(at::kFloat) * multiplier;
  if (lookahead.defined()) {
    const at::Tensor learned = lookahead.index_select(0, (rows.lookaheads - 1).clamp_min(0));
    embedded = at::where(rows.lookaheads.gt(0).unsqueeze(1), learned, embedded);
  }
  residual.copy_(embedded);
}

void AtenBackend::AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                             double epsilon, at::Tensor& out, double multiplier) const {
  if (delta.defined()) residual.add_(delta, multiplier);
  if (!weight.defined()) {
    out.copy_(residual);
    return;
  }
  const at::Tensor mean_square = residual.square().mean(-1, /*keepdim=*/true);
  out.copy_(residual * at::rsqrt(mean_square + epsilon) * weight);
}

void AtenBackend::NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                               double epsilon) const {
  const int64_t width = weight.size(0);
  const at::Tensor part = x.narrow(1, first, segments * width);
  const at::Tensor wide = part.to(at::kFloat).reshape({x.size(0), segments, width});
  const at::Tensor scale = at::rsqrt(wide.square().mean(-1, /*keepdim=*/true) + epsilon);
  part.copy_((wide * scale * weight).reshape({x.size(0), segments * width}));
}

void AtenBackend::RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                            const HeadShape& shape, at::Tensor& query, KvLayer& layer) const {
  const RotatedHeads rotated = SplitAndRotate(qkv, tables, plan.positions, shape);
  query.copy_(rotated.queries);
  layer.row_keys.narrow(0, 0, qkv.size(0)).copy_(rotated.keys);
  layer.row_values.narrow(0, 0, qkv.size(0)).copy_(rotated.values);
}

void AtenBackend::Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window,
                            const at::Tensor& query, const KvLayer& layer, at::Tensor& out) const {
  const AtenPlan& of_rows = AtenPlan::Of(plan);
  const int64_t rows = query.size(0), heads = shape.kv_heads, group = shape.heads / heads;
  const int64_t committed = of_rows.pages.size(1) * kPageTokens;  // the longest sequence's, rounded up
  // Products with the rows of the forward, which all share: [kv_heads, R * group, *], and back.
  const auto of_forward = [&](const at::Tensor& store) {
    return store.narrow(0, 0, rows).transpose(0, 1).to(at::kFloat);  // [kv_heads, R, head_dim]
  };
  const auto by_head = [&](const at::Tensor& x) {
    return x.transpose(0, 1).reshape({heads, rows * group, -1});
  };
  const auto by_row = [&](const at::Tensor& x) { return x.view({heads, rows, group, -1}).transpose(0, 1); };

  const at::Tensor q = query.view({rows, heads, group, shape.head_dim});
  at::Tensor scores = at::cat({at::matmul(q, Gather(layer.page_keys, of_rows.pages).transpose(-1, -2)),
                               by_row(at::matmul(by_head(q), of_forward(layer.row_keys).transpose(-1, -2)))},
                              -1);
  if (shape.softcap > 0) scores = at::tanh(scores / shape.softcap) * shape.softcap;
  const at::Tensor hidden = Allowed(of_rows, window).logical_not().view({rows, 1, 1, committed + rows});
  const at::Tensor weights = scores.masked_fill(hidden, -std::numeric_limits<float>::infinity()).softmax(-1);
  // A weight of 0 must not meet another sequence's NaN: such a row has NaN scores of its own.
  const at::Tensor sum =
      at::matmul(weights.narrow(-1, 0, committed), Gather(layer.page_values, of_rows.pages).nan_to_num()) +
      by_row(at::matmul(by_head(weights.narrow(-1, committed, rows)),
                        of_forward(layer.row_values).nan_to_num()));
  out.copy_(sum.reshape({rows, -1}));
}

}  // namespace pass
