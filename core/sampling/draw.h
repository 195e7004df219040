// Draws by the Gumbel-max rule: argmax over the listed tokens of log-weight + Gumbel noise of that token.
#pragma once

#include <span>

#include "absl/status/statusor.h"
#include "core/sampling/distribution.h"
#include "core/sampling/noise.h"
#include "core/sampling/sampling_options.h"

namespace pass {

// `distribution` must not be empty. Lowest id on ties. A distribution with one token needs no noise.
TokenId Draw(const Distribution& distribution, const Noise& noise, int32_t position, int32_t base,
             Purpose purpose);

// The target token of absolute index `position`, drawn from a row of logits, float32 [vocabulary]: the one
// definition of "the next token", a function of (logits, options, position) and nothing else.
// Equal to Draw(Filter(logits, options), ..., kTarget); greedy skips the distribution. Errors as Filter.
absl::StatusOr<TokenId> DrawTarget(std::span<const float> logits, const SamplingOptions& options,
                                   int32_t position);
// The same from some tokens' logits, among which are all that the options keep.
absl::StatusOr<TokenId> DrawTarget(std::span<const TokenId> ids, std::span<const float> logits,
                                   const SamplingOptions& options, int32_t position);

}  // namespace pass
