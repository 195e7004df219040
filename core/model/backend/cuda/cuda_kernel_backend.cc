#include "core/model/backend/cuda/cuda_kernel_backend.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/model/backend/cuda/cuda_kernel_linear.h"
#include "core/model/backend/cuda/slices.h"

namespace pass {
namespace {

static_assert(cuda::kRows == kSliceRows);

// nullptr of an undefined tensor.
const float* Floats(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr;
}

// But for what it splits.
cuda::RopeSplitCall SplitCall(const RopeTables& tables, const ForwardPlan& plan, const HeadShape& shape,
                              at::Tensor& query, KvLayer& layer) {
  const SlicePlan& slice = SlicePlan::Of(plan);
  return {.qkv = nullptr,
          .cos = Floats(tables.cos),
          .sin = Floats(tables.sin),
          .rotary_half = tables.cos.defined() ? static_cast<int>(tables.cos.size(1)) : 0,
          .query_scales = Floats(tables.query_scales),
          .positions = slice.positions.const_data_ptr<int64_t>(),
          .own_slots = slice.own_slots.const_data_ptr<int64_t>(),
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .head_dim = shape.head_dim,
          .score_scale = static_cast<float>(shape.score_scale()),
          .query = query.data_ptr<float>(),
          .keys = Bf16Bits(layer.page_keys),
          .values = Bf16Bits(layer.page_values)};
}

}  // namespace

std::unique_ptr<Linear> CudaKernelBackend::MakeLinear(const at::Tensor& weight,
                                                      std::optional<kernels::QuantizedForm> form) const {
  if (!CudaKernelLinear::Takes(weight)) return CudaBackend::MakeLinear(weight, form);
  return std::make_unique<CudaKernelLinear>(weight, target_);
}

void CudaKernelBackend::Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
                              const at::Tensor& lookahead, at::Tensor& residual) const {
  const SlicePlan& slice = SlicePlan::Of(plan);
  target_.kernels->embed({.tokens = slice.tokens.const_data_ptr<int64_t>(),
                          .lookaheads = slice.lookaheads.const_data_ptr<int64_t>(),
                          .embedding = Bf16Bits(embedding),
                          .learned = Floats(lookahead),
                          .multiplier = static_cast<float>(multiplier),
                          .width = static_cast<int>(residual.size(1)),
                          .residual = residual.data_ptr<float>()},
                         target_.stream());
}

void CudaKernelBackend::AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                                   double epsilon, at::Tensor& out, double multiplier) const {
  if (residual.size(1) % 4 != 0) {
    CudaBackend::AddRmsNorm(residual, delta, weight, epsilon, out, multiplier);
    return;
  }
  target_.kernels->add_rms_norm({.residual = residual.data_ptr<float>(),
                                 .delta = delta.defined() ? Bf16Bits(delta) : nullptr,
                                 .weight = Floats(weight),
                                 .epsilon = static_cast<float>(epsilon),
                                 .multiplier = static_cast<float>(multiplier),
                                 .width = static_cast<int>(residual.size(1)),
                                 .out = Bf16Bits(out)},
                                target_.stream());
}

void CudaKernelBackend::NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                                     double epsilon) const {
  target_.kernels->norm_segments({.x = Bf16Bits(x) + first,
                                  .stride = x.size(1),
                                  .segments = static_cast<int>(segments),
                                  .weight = Floats(weight),
                                  .epsilon = static_cast<float>(epsilon),
                                  .width = static_cast<int>(weight.size(0))},
                                 target_.stream());
}

void CudaKernelBackend::RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                                  const HeadShape& shape, at::Tensor& query, KvLayer& layer) const {
  cuda::RopeSplitCall call = SplitCall(tables, plan, shape, query, layer);
  call.qkv = Bf16Bits(qkv);
  target_.kernels->rope_split(call, target_.stream());
}

void CudaKernelBackend::ProjectHeads(const Linear& qkv, const at::Tensor& x, const RopeTables& tables,
                                     const ForwardPlan& plan, const HeadShape& shape, at::Tensor& query,
                                     KvLayer& layer) const {
  const auto* own = dynamic_cast<const CudaKernelLinear*>(&qkv);
  const cuda::RopeSplitCall split = SplitCall(tables, plan, shape, query, layer);
  const bool whole = split.rotary_half % 4 == 0 && shape.head_dim % cuda::kOutStep == 0 &&
                     (shape.head_dim - 2 * split.rotary_half) % cuda::kOutStep == 0;
  if (own == nullptr || !whole) {
    CudaBackend::ProjectHeads(qkv, x, tables, plan, shape, query, layer);
    return;
  }
  target_.kernels->project_heads({.linear = own->Call(x, plan.adapted), .split = split}, target_.stream());
}

void CudaKernelBackend::Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window,
                                  const at::Tensor& query, const KvLayer& layer, at::Tensor& out) const {
  if (shape.head_dim % 8 != 0 || shape.head_dim > cuda::kMostHeadDim) {
    CudaBackend::Attention(plan, shape, window, query, layer, out);
    return;
  }
  const SlicePlan& slice = SlicePlan::Of(plan);
  target_.kernels->attention({.query = query.const_data_ptr<float>(),
                              .keys = Bf16Bits(layer.page_keys),
                              .values = Bf16Bits(layer.page_values),
                              .slots = slice.slots.const_data_ptr<int32_t>(),
                              .positions = slice.positions.const_data_ptr<int64_t>(),
                              .most_positions = slice.slots.size(1),
                              .heads = shape.heads,
                              .kv_heads = shape.kv_heads,
                              .head_dim = shape.head_dim,
                              .window = window,
                              .softcap = static_cast<float>(shape.softcap),
                              .out = Bf16Bits(out)},
                             target_.stream());
}

at::Tensor CudaKernelBackend::BestKeys(const at::Tensor& logits, int count, double softcap) const {
  const int64_t vocab = logits.size(1), best = std::min<int64_t>(count, vocab);
  if (softcap > 0 || vocab % 8 != 0 || best > cuda::kMostBest) {
    return CudaBackend::BestKeys(logits, count, softcap);
  }
  at::Tensor keys = at::empty({kSliceRows, best + 1}, logits.options().dtype(at::kLong));
  target_.kernels->best_keys({.logits = Bf16Bits(logits),
                              .vocab = static_cast<int>(vocab),
                              .count = static_cast<int>(best),
                              .keys = keys.data_ptr<int64_t>()},
                             target_.stream());
  return keys;
}

}  // namespace pass
