// What a look-ahead file holds, on the model's device, in the layout that the step computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "core/model/backend/backend.h"
#include "core/model/lookahead/lookahead_file.h"
#include "core/model/weights.h"

namespace pass {

struct LookaheadWeights {
  at::Tensor embeddings;            // fp32 [L, width]; undefined: none
  std::unique_ptr<DraftHead> head;  // or none
};

// For a model with these weights, whose linears get the adapters. Nothing for tokens without a look-ahead token.
LookaheadWeights MakeLookaheadWeights(const LookaheadTokens& tokens, const Backend& backend,
                                      ModelWeights& model);

}  // namespace pass
