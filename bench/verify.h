// Losslessness on a real model: for one seed, plain, tree and auto give the same bytes, alone or in a batch
// whose members come, go and are cancelled. (`pass` promises this when greedy; sampled, it has the same
// distribution, which tests/core/decode proves on a table.)
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/prompt_set.h"
#include "bench/variant.h"
#include "core/base/clock.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass::bench {

struct VerifyOptions {
  std::vector<Variant> variants;
  std::vector<Sampling> samplings;
  int tokens = 128;   // of a completion
  int batch = 16;     // sequences in flight
  uint64_t seed = 1;  // of the draws, the arrivals and the cancels
};

// One sampling setting, one variant, alone or in a batch.
struct VerifyResult {
  std::string name;
  int compared = 0;        // completions
  int cut_off = 0;         // cancelled ones, of which what there is was compared
  int different = 0;       // of both, those that are not what plain decoding alone gives
  int64_t forwards = 0;    // over all that were compared, so that one sees that there was speculation
  int64_t tokens = 0;      //
  std::string difference;  // the first one, for people
};

// The prompts of all sets, then their first halves, and so on until there are `count`.
std::vector<EncodedPrompt> PromptsToVerify(const std::vector<PromptSet>& sets, int count);

// `progress` gets each result as soon as it is there. Errors: what the model says.
absl::StatusOr<std::vector<VerifyResult>> Verify(LanguageModel& model, const TextModel& text,
                                                 const std::vector<EncodedPrompt>& prompts,
                                                 const VerifyOptions& options, const Clock& clock,
                                                 const std::function<void(const VerifyResult&)>& progress);

}  // namespace pass::bench
