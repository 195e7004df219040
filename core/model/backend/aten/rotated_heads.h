// The heads of a layer out of their joined projections, rotated.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/model/backend/attention_shapes.h"

namespace pass {

struct RotatedHeads {
  at::Tensor queries;  // fp32 [R, heads, head_dim], scaled
  at::Tensor keys;     // fp32 [R, kv_heads, head_dim]
  at::Tensor values;   // [R, kv_heads, head_dim], a view
};

// qkv: [R, (heads + 2 kv_heads) * head_dim]; positions: int64 [R].
RotatedHeads SplitAndRotate(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
                            const HeadShape& shape);

}  // namespace pass
