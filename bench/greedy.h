// Greedy text of a model, judged by its reference: the same weights, computed where or as exactly as one trusts. For
// `pass-bench greedy`.
//
// The model writes; the reference then reads prompt and text, and each token is compared with the one that the reference
// finds likeliest there. A token that differs is a tie if the reference finds both nearly as likely: the model rounds in
// another order. Larger gaps are faults.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/prompt_set.h"
#include "core/base/clock.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass::bench {

// Of one set of prompts.
struct GreedyAgreement {
  std::string name;
  int texts = 0;
  int same_texts = 0;  // all of whose tokens are the reference's
  int64_t tokens = 0;
  int64_t same = 0;        // tokens that the reference finds likeliest too
  double largest_gap = 0;  // of log-probabilities, in nats: the reference's likeliest token less the model's
};

// `tokens` of a text, at most. Errors: what the models say.
absl::StatusOr<std::vector<GreedyAgreement>> CompareGreedy(LanguageModel& reference, LanguageModel& model,
                                                           const TextModel& text,
                                                           const std::vector<PromptSet>& sets, int tokens,
                                                           const Clock& clock);

}  // namespace pass::bench
