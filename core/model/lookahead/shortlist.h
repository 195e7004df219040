// The best tokens of some scores. Torch-free, pure and thread-safe.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"

namespace pass {

// Likeliest first, lowest id on ties; all different.
struct Shortlist {
  std::vector<TokenId> ids;
  std::vector<float> scores;
};

// The best `count` tokens of a row of logits, float32 [vocabulary]. INTERNAL, as for a draw, if the logits are not numbers.
absl::StatusOr<Shortlist> BestTokens(std::span<const float> logits, int count);

// The best `count` of a list of tokens, all different, with a score each. A score that is no number counts as the lowest.
Shortlist BestTokens(std::span<const TokenId> ids, std::span<const float> scores, int count);

}  // namespace pass
