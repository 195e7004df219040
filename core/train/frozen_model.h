// The served model's layers once more, over plain weights, so that gradients reach the look-ahead parameters: ordinary rows
// run once without gradient (the teacher, which also leaves the keys and values that look-ahead rows attend to), look-ahead
// rows run with it. The weights are never changed. Any number of threads may call it.
//
// Shapes: T tokens of a window, R look-ahead rows, d width, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/checkpoint/config.h"
#include "core/model/step_ops.h"
#include "core/model/weights.h"
#include "core/train/group_plan.h"
#include "core/train/lookahead_parameters.h"

namespace pass {

// One window under the frozen model.
struct Teacher {
  std::vector<at::Tensor> keys, values;  // per layer, compute type [kv_heads, T, head_dim], keys rotated
  at::Tensor logits;                     // compute type [T, V]; row i predicts token i + 1
};

class FrozenModel {
 public:
  FrozenModel(const LlamaConfig& config, LlamaTensors tensors);

  const LlamaConfig& config() const { return config_; }
  const LlamaTensors& tensors() const { return tensors_; }
  at::ScalarType compute_type() const { return tensors_.embedding.scalar_type(); }

  Teacher Teach(std::span<const TokenId> window) const;

  // The rows' outputs after the final norm, compute type [R, d]; differentiable in `parameters`.
  at::Tensor LookaheadRows(const Teacher& teacher, std::span<const GroupRow> rows,
                           const LookaheadParameters& parameters) const;

  // u' = u + w2 silu(w1 [u; e]): states [N, d] and the tokens just before the predicted ones to states [N, d].
  at::Tensor HeadStep(const at::Tensor& states, const at::Tensor& previous_ids,
                      const LookaheadParameters& parameters) const;

 private:
  at::Tensor Norm(const at::Tensor& residual, const at::Tensor& weight) const;
  at::Tensor Rotate(const at::Tensor& heads, const at::Tensor& positions) const;

  LlamaConfig config_;
  LlamaTensors tensors_;
  RopeTables rope_;
  at::ScalarType wide_;  // of the residual stream, norms and softmax
};

}  // namespace pass
