#include "core/model/lookahead/lookahead_weights.h"

#include <ATen/ops/from_blob.h>

namespace pass {

LookaheadWeights MakeLookaheadWeights(const LookaheadTokens& tokens, const Backend& backend,
                                      ModelWeights& model) {
  LookaheadWeights weights;
  if (tokens.facts.num_lookahead == 0) return weights;
  auto* embeddings = const_cast<float*>(tokens.embeddings.data());  // only read
  weights.embeddings = at::from_blob(embeddings, {tokens.facts.num_lookahead, tokens.facts.width}, at::kFloat)
                           .to(backend.options().dtype(at::kFloat), /*non_blocking=*/false, /*copy=*/true);
  for (size_t layer = 0; layer < tokens.adapter.size(); ++layer) {
    const LayerAdapter& adapter = tokens.adapter[layer];
    LayerWeights& adapted = model.layers[layer];
    adapted.qkv->Adapt(adapter.qkv);
    adapted.attention_out->Adapt(adapter.attention_out);
    adapted.gate_up->Adapt(adapter.gate_up);
    adapted.down->Adapt(adapter.down);
  }
  if (tokens.head) weights.head = backend.MakeDraftHead(*tokens.head, model.embedding, model.lm_head_rows);
  return weights;
}

}  // namespace pass
