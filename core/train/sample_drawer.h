// Training windows: the model's own text, drawn through the engine from the beginning-of-text token or from a few tokens of
// a corpus, at various temperatures (what is learned should be right for greedy and for sampled decoding).
//
// Sample i is a function of the model, the prompts, the seed and i, and of nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass {

struct SampleOptions {
  int window = 160;        // tokens, the prompt's included
  int max_sequences = 64;  // drawn at a time
  int top_k = 50;
  double min_temperature = 0.3, max_temperature = 1.0;
  double greedy_share = 0.1;  // of the samples
  int least_distinct = 40;    // a window with fewer different tokens loops: dropped
  uint64_t seed = 0;
};

class SampleDrawer {
 public:
  // `corpus`: texts as token ids; without any, short built-in prompts are continued. Pointers are borrowed.
  SampleDrawer(LanguageModel* model, const TextModel* text, std::vector<std::vector<TokenId>> corpus,
               const SampleOptions& options);

  // Samples first .. first + count - 1, those dropped left out. Errors: the engine's; CANCELLED: `stop` became true.
  absl::StatusOr<std::vector<std::vector<TokenId>>> Draw(int64_t first, int count,
                                                         const std::atomic<bool>& stop);

 private:
  std::vector<TokenId> Prompt(uint64_t random) const;

  LanguageModel* const model_;
  const TextModel* const text_;
  const std::vector<std::vector<TokenId>> corpus_;
  std::vector<std::vector<TokenId>> short_prompts_;
  const SampleOptions options_;
};

// A UTF-8 text file as token ids. INVALID_ARGUMENT: not readable, not UTF-8 (names the byte), or under 100 tokens.
absl::StatusOr<std::vector<TokenId>> ReadCorpus(const std::string& path, const Tokenizer& tokenizer);

}  // namespace pass
