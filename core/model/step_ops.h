// The operators of a layer that ATen computes slowly or not row-invariantly. On the CPU they run the kernels of
// kernels.h; on other devices the ATen formulation of aten_ops.h, which is also their test oracle.
//
// All tensors are contiguous; T is the compute type, bf16 or fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <cstdint>

#include "core/checkpoint/config.h"
#include "core/kernels/attention_plan.h"

namespace pass {

struct HeadShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  double scale = 0.0;    // of a query and key's product; 0: 1 / sqrt(head_dim)
  double softcap = 0.0;  // of the scores; 0: none

  double score_scale() const { return scale > 0 ? scale : 1.0 / std::sqrt(static_cast<double>(head_dim)); }
};

// Rotary tables, fp32 [positions, rotary_dim / 2]; undefined: nothing is rotated.
struct RopeTables {
  at::Tensor cos, sin;
  at::Tensor query_scales;  // fp32 [positions], what queries are multiplied by besides; undefined: nothing
};

// residual fp32 [rows, width] += multiplier * delta T [rows, width] (delta may be undefined); then
// out = residual / rms(residual) * weight, or the residual where weight is undefined. `out`: T [rows, width], overwritten.
void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out, double multiplier = 1.0);

// x T [rows, stride], in place: each of `segments` parts of a row, side by side from element `first` and as wide as
// weight, is normalised as above.
void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight, double epsilon);

// qkv T [rows, (heads + 2 kv_heads) * head_dim] to rotated, scaled queries fp32 [rows, heads, head_dim], rotated keys and
// values T [>= rows, kv_heads, head_dim]. positions: int32 [rows].
void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values);

// One layer's attention; shapes as in kernels.h. out: T [rows, heads * head_dim]. `window`: positions that a row reads,
// its own included; 0: all.
void Attention(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
               const at::Tensor& row_keys, const at::Tensor& row_values, const at::Tensor& page_keys,
               const at::Tensor& page_values, at::Tensor& out);

// gate_up T [rows, 2 ffn_width], gate first; out T [rows, ffn_width] = activation(gate) * up.
void Gate(Activation activation, const at::Tensor& gate_up, at::Tensor& out);

}  // namespace pass
