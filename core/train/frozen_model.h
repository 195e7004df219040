// The served model's layers once more, over plain weights, so that gradients reach the look-ahead parameters: ordinary rows
// run once without gradient (the teacher, which also leaves the keys and values that look-ahead rows attend to), look-ahead
// rows run with it. The weights are never changed. Any number of threads may call it.
//
// Shapes: T tokens of a window, R look-ahead rows, d width, V vocabulary.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/checkpoint/config.h"
#include "core/model/backend/attention_shapes.h"
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
  FrozenModel(const ModelConfig& config, ModelTensors tensors);

  const ModelConfig& config() const { return config_; }
  const ModelTensors& tensors() const { return tensors_; }
  at::ScalarType compute_type() const { return tensors_.embedding.scalar_type(); }

  Teacher Teach(std::span<const TokenId> window) const;

  // The rows' outputs after the final norm, compute type [R, d]; differentiable in `parameters`.
  at::Tensor LookaheadRows(const Teacher& teacher, std::span<const GroupRow> rows,
                           const LookaheadParameters& parameters) const;

  // u' = u + w2 silu(w1 [u; e]): states [N, d] and the tokens just before the predicted ones to states [N, d].
  at::Tensor HeadStep(const at::Tensor& states, const at::Tensor& previous_ids,
                      const LookaheadParameters& parameters) const;

 private:
  // Rows by head, [rows, heads or kv_heads, head_dim]: queries rotated and scaled, keys rotated.
  struct Heads {
    at::Tensor query, keys, values;
  };
  // Attention of one layer: [rows, heads * head_dim].
  using Attend = std::function<at::Tensor(int layer, const Heads& heads)>;

  // The layers, written once: from the embeddings, in `wide_` [rows, d], to the final norm's output. `parameters`: whose
  // adapter takes part; nullptr: none.
  at::Tensor Layers(at::Tensor residual, const at::Tensor& positions, const LookaheadParameters* parameters,
                    const Attend& attend) const;
  Heads Split(const at::Tensor& qkv, int layer, const at::Tensor& positions) const;
  // In the compute type; undefined weight: no norm.
  at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor Rotate(const at::Tensor& heads, int layer, const at::Tensor& positions) const;
  at::Tensor Gated(const at::Tensor& gate_up) const;
  // Ordinary attention over a window's own tokens, all by head: [T, heads * head_dim].
  at::Tensor AttendToWindow(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                            int32_t window) const;

  ModelConfig config_;
  ModelTensors tensors_;
  std::vector<RopeTables> ropes_;  // one per layer
  at::ScalarType wide_;            // of the residual stream, norms and softmax
};

}  // namespace pass
