#include "core/model/lookahead/lookahead_weights.h"

#include <ATen/ops/from_blob.h>

namespace pass {

LookaheadWeights MakeLookaheadWeights(const LookaheadTokens& tokens, const ModelWeights& model) {
  LookaheadWeights weights;
  if (tokens.facts.num_lookahead == 0) return weights;
  const at::TensorOptions options = model.embedding.options();
  auto* embeddings = const_cast<float*>(tokens.embeddings.data());  // only read
  weights.embeddings = at::from_blob(embeddings, {tokens.facts.num_lookahead, tokens.facts.width}, at::kFloat)
                           .to(options.dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true);
  for (const LayerAdapter& layer : tokens.adapter) {
    weights.adapter.push_back({.qkv = LinearAdapter(layer.qkv, options),
                               .attention_out = LinearAdapter(layer.attention_out, options),
                               .gate_up = LinearAdapter(layer.gate_up, options),
                               .down = LinearAdapter(layer.down, options)});
  }
  if (tokens.head) weights.head.emplace(*tokens.head, model.embedding, model.lm_head_rows);
  return weights;
}

}  // namespace pass
