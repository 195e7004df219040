// A distribution over some tokens of the vocabulary: what is left after temperature and filters.
#pragma once

#include <vector>

#include "core/base/token_id.h"

namespace pass {

// Invariants: ids ascend and do not repeat; probabilities are above 0 and sum to 1 (within rounding);
// both vectors have the same length. Greedy decoding is the distribution with one token.
struct Distribution {
  std::vector<TokenId> ids;
  std::vector<float> probabilities;

  bool empty() const { return ids.empty(); }
  // 0 for a token that is not listed. Logarithmic in the number of tokens.
  float ProbabilityOf(TokenId id) const;
};

}  // namespace pass
