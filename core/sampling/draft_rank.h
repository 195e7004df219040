// Guesses of the token that a position's target draw will give, from an estimate q of the distribution p that it draws from.
//
// The draw takes the token with the largest log p + g, with the position's own Gumbel noise g, which is known before p is.
// Were q equal to p, log q + g would tell it for certain. As q is wrong by some factor for each token, the noise decides less
// often than it would: the guess takes log q + 0.7 g. The factor was measured (docs/RESULTS.md). Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/token_id.h"
#include "core/sampling/distribution.h"
#include "core/sampling/noise.h"

namespace pass {

struct RankedDraft {
  TokenId token = 0;
  double log_probability = 0;  // of a softmax over all tokens of q
};

// All tokens of q, best first. `noise`: of the sequence that draws; nullptr: greedy, ranked by q alone.
std::vector<RankedDraft> RankDrafts(const Distribution& q, const Noise* noise, int32_t position);

}  // namespace pass
