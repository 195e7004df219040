// The operators of a layer that ATen computes slowly or not row-invariantly. On the CPU they run the kernels of
// kernels.h; on other devices the ATen formulation of aten_ops.h, which is also their test oracle.
//
// All tensors are contiguous; T is the compute type, bf16 or fp32.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/kernels/attention_plan.h"

namespace pass {

struct HeadShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
};

// Rotary tables, fp32 [positions, head_dim / 2].
struct RopeTables {
  at::Tensor cos, sin;
};

// residual fp32 [rows, width] += delta T [rows, width] (may be undefined); returns the normalised rows in T,
// out = residual / rms(residual) * weight. `out`: T [rows, width], overwritten.
void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out);

// qkv T [rows, (heads + 2 kv_heads) * head_dim] to rotated, scaled queries fp32 [rows, heads, head_dim], rotated keys and
// values T [>= rows, kv_heads, head_dim]. positions: int32 [rows].
void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values);

// One layer's attention; shapes as in kernels.h. out: T [rows, heads * head_dim].
void Attention(const AttentionPlan& plan, const HeadShape& shape, const at::Tensor& query,
               const at::Tensor& row_keys, const at::Tensor& row_values, const at::Tensor& page_keys,
               const at::Tensor& page_values, at::Tensor& out);

// gate_up T [rows, 2 ffn_width], gate first; out T [rows, ffn_width] = silu(gate) * up.
void SwiGlu(const at::Tensor& gate_up, at::Tensor& out);

}  // namespace pass
