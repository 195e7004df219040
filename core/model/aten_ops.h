// The operators of step_ops.h in ATen alone: the path of devices without own kernels, and the oracle that the CPU kernels
// are tested against. Same arguments and results, up to rounding.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/kernels/attention_plan.h"
#include "core/model/step_ops.h"

namespace pass::aten {

void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out, double multiplier = 1.0);

void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight, double epsilon);

void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values);

void Attention(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
               const at::Tensor& row_keys, const at::Tensor& row_values, const at::Tensor& page_keys,
               const at::Tensor& page_values, at::Tensor& out);

void Gate(Activation activation, const at::Tensor& gate_up, at::Tensor& out);

}  // namespace pass::aten
