// The operators that read and write slots. All have one shape; only how often the blocks' operators run depends on the texts.
#include <ATen/ATen.h>

#include <limits>
#include <vector>

#include "core/model/backend/aten/rotated_heads.h"
#include "core/model/backend/cuda/cuda_backend.h"
#include "core/model/backend/cuda/slices.h"

namespace pass {
namespace {

// What each row reads of a block: [slots, kv_heads, head_dim] to fp32 [rows * kv_heads, kBlockPositions, head_dim].
at::Tensor Gather(const at::Tensor& store, const at::Tensor& slots) {
  const int64_t heads = store.size(1), dim = store.size(2);
  return store.index_select(0, slots.reshape({-1}))
      .view({kSliceRows, kBlockPositions, heads, dim})
      .transpose(1, 2)
      .to(at::kFloat)
      .reshape({kSliceRows * heads, kBlockPositions, dim});
}

}  // namespace

void CudaBackend::RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                            const HeadShape& shape, at::Tensor& query, KvLayer& layer) const {
  const RotatedHeads rotated = SplitAndRotate(qkv, tables, plan.positions, shape);
  query.copy_(rotated.queries);
  const at::Tensor& own_slots = SlicePlan::Of(plan).own_slots;
  layer.page_keys.index_copy_(0, own_slots, rotated.keys.to(layer.page_keys.scalar_type()));
  layer.page_values.index_copy_(0, own_slots, rotated.values);
}

// Softmax in two turns, the largest score first. A block that a row reads nothing of adds zeros to its sums, so that the row
// has the same bits with and without it.
void CudaBackend::Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window,
                            const at::Tensor& query, const KvLayer& layer, at::Tensor& out) const {
  const SlicePlan& slice = SlicePlan::Of(plan);
  const int64_t heads = shape.kv_heads, group = shape.heads / heads;
  const int64_t num_blocks = slice.slots.size(1) / kBlockPositions;
  const auto block_of = [](const at::Tensor& by_position, int64_t block) {
    return by_position.narrow(1, block * kBlockPositions, kBlockPositions);
  };

  const at::Tensor q = query.view({kSliceRows * heads, group, shape.head_dim});
  const at::Tensor& hidden = slice.Hidden(window);
  std::vector<at::Tensor> scores;  // of each block, [rows * kv_heads, group, kBlockPositions]
  at::Tensor largest;              // [rows * kv_heads, group, 1]
  for (int64_t block = 0; block < num_blocks; ++block) {
    const at::Tensor keys = Gather(layer.page_keys, block_of(slice.slots, block));
    at::Tensor of_block = at::bmm(q, keys.transpose(1, 2));
    if (shape.softcap > 0) of_block = at::tanh(of_block / shape.softcap) * shape.softcap;
    of_block.view({kSliceRows, heads, group, kBlockPositions})
        .masked_fill_(block_of(hidden, block).view({kSliceRows, 1, 1, kBlockPositions}),
                      -std::numeric_limits<float>::infinity());
    const at::Tensor most = of_block.amax(-1, /*keepdim=*/true);
    largest = largest.defined() ? at::maximum(largest, most) : most;
    scores.push_back(of_block);
  }
  at::Tensor total = at::zeros_like(largest), sum = at::zeros_like(q);
  for (int64_t block = 0; block < num_blocks; ++block) {
    const at::Tensor weights = at::exp(scores[static_cast<size_t>(block)] - largest);
    total.add_(weights.sum(-1, /*keepdim=*/true));
    sum.add_(at::bmm(weights, Gather(layer.page_values, block_of(slice.slots, block))));
  }
  out.copy_((sum / total).view({kSliceRows, -1}));
}

}  // namespace pass
