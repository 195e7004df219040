// What a look-ahead file holds, on the model's device, in the layout that the step computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "core/model/lookahead/draft_head.h"
#include "core/model/lookahead/linear_adapter.h"
#include "core/model/lookahead/lookahead_file.h"
#include "core/model/weights.h"

namespace pass {

struct LookaheadWeights {
  at::Tensor embeddings;              // fp32 [L, width]; undefined: none
  std::vector<AdaptedLayer> adapter;  // one per layer, or none
  std::optional<DraftHead> head;
};

// For a model with these weights. Nothing for tokens without a look-ahead token.
LookaheadWeights MakeLookaheadWeights(const LookaheadTokens& tokens, const ModelWeights& model);

}  // namespace pass
