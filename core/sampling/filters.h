// From a row of logits to the distribution that a token is drawn from.
#pragma once

#include <span>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/sampling/distribution.h"
#include "core/sampling/sampling_options.h"

namespace pass {

// Order: temperature, top_k, top_p, min_p; each filter works on what the one before left, and the rest is
// renormalised. Ties in a filter are broken by the lowest id. No full sort. A token whose logit, divided by
// the temperature, is more than 87 below the largest (e^-87, where float32 ends) has probability 0. `logits`:
// float32 [vocabulary]. INTERNAL if a logit is NaN or +infinity, or all are -infinity: the model is broken
// for this sequence, and the caller ends this sequence only.
absl::StatusOr<Distribution> Filter(std::span<const float> logits, const SamplingOptions& options);

// The same over a list of some tokens, such as a shortlist: the other tokens of the vocabulary have
// probability 0. `ids`: in any order, all different. `logits`: one per id; log-probabilities do as well.
// Errors as above.
absl::StatusOr<Distribution> Filter(std::span<const TokenId> ids, std::span<const float> logits,
                                    const SamplingOptions& options);

// The token with the largest logit, the lowest id on ties. Errors as Filter.
absl::StatusOr<TokenId> Argmax(std::span<const float> logits);

}  // namespace pass
