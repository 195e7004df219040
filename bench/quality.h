// How near a model with other weights is to its reference, over given texts: both read the same tokens, and each position's
// distributions are compared. For `pass-bench quality`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/prompt_set.h"
#include "core/language_model/language_model.h"

namespace pass::bench {

// Of one set of texts.
struct Quality {
  std::string name;
  int64_t tokens = 0;                                   // that were predicted: all but the first of each text
  double reference_perplexity = 0.0, perplexity = 0.0;  // exp of the mean of -log p(token)
  double agreement = 0.0;                               // share of positions with the same likeliest token
  double divergence = 0.0;                              // mean of KL(reference || model), nats
};

// At temperature 1, without filters. Texts are cut at the models' context length. Errors: what the models say, or a set
// without a second token.
absl::StatusOr<std::vector<Quality>> MeasureQuality(LanguageModel& reference, LanguageModel& model,
                                                    const std::vector<PromptSet>& sets);

// A table, one line a set.
std::string MarkdownOf(const std::vector<Quality>& qualities);

}  // namespace pass::bench
