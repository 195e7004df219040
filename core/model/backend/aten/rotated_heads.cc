#include "core/model/backend/aten/rotated_heads.h"

#include <ATen/ATen.h>

namespace pass {
namespace {

// The leading elements of each head, as many as the tables have; the others stay.
at::Tensor RotateHalfSplit(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const int64_t half = cos.size(-1);
  const at::Tensor first = x.narrow(-1, 0, half), second = x.narrow(-1, half, half);
  const at::Tensor rest = x.narrow(-1, 2 * half, x.size(-1) - 2 * half);
  return at::cat({first * cos - second * sin, second * cos + first * sin, rest}, -1);
}

}  // namespace

RotatedHeads SplitAndRotate(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
                            const HeadShape& shape) {
  const int64_t rows = qkv.size(0);
  const at::Tensor heads = qkv.view({rows, shape.heads + 2 * shape.kv_heads, shape.head_dim});
  at::Tensor q = heads.narrow(1, 0, shape.heads).to(at::kFloat);
  at::Tensor k = heads.narrow(1, shape.heads, shape.kv_heads).to(at::kFloat);
  const at::Tensor v = heads.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads);
  if (tables.cos.defined()) {
    const at::Tensor cos = tables.cos.index_select(0, positions).unsqueeze(1);
    const at::Tensor sin = tables.sin.index_select(0, positions).unsqueeze(1);
    q = RotateHalfSplit(q, cos, sin);
    k = RotateHalfSplit(k, cos, sin);
  }
  if (tables.query_scales.defined()) {
    q = q * tables.query_scales.index_select(0, positions).view({rows, 1, 1});
  }
  return {.queries = q * shape.score_scale(), .keys = k, .values = v};
}

}  // namespace pass
