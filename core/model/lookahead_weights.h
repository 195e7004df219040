// What a look-ahead file holds, on the model's device, in the layout that the step computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "core/model/linear_adapter.h"
#include "core/model/lookahead_file.h"

namespace pass {

struct LookaheadWeights {
  at::Tensor embeddings;              // fp32 [L, width]; undefined: none
  std::vector<AdaptedLayer> adapter;  // one per layer, or none
};

// `options`: compute type and device. Nothing for tokens without a look-ahead token.
LookaheadWeights MakeLookaheadWeights(const LookaheadTokens& tokens, const at::TensorOptions& options);

}  // namespace pass
