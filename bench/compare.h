// Plain decoding beside other methods, prompt by prompt in turns, so that whatever the machine does meanwhile
// meets all.
//
// Every variant has an engine of its own on the one model, as if a server did nothing else, and sees all
// prompt sets in order. Plain and a variant get the same seed for the same prompt and repetition. Text
// prompts are continued for all tokens; the answer to a chat ends where the model ends it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/figures.h"
#include "bench/prompt_set.h"
#include "bench/variant.h"
#include "core/base/clock.h"
#include "core/language_model/language_model.h"
#include "core/text/text_model.h"

namespace pass::bench {

struct CompareOptions {
  std::vector<Variant> variants;  // plain beside them is understood
  std::vector<Sampling> samplings;
  std::vector<int> batches = {1};  // prompts in flight
  int tokens = 128;                // of a completion, at most
  int repetitions = 3;
  int warm_up = 4;  // units that each engine runs before the first that counts
  uint64_t seed = 1;
};

// One row of the result; plain decoding has its own. With one prompt in flight the seconds are those of
// decoding, the prompt's forwards left out; with more, those from a unit's first forward to its last, a unit
// being twice as many prompts as are in flight.
struct Cell {
  std::string set;
  std::string sampling;
  int batch = 1;
  Variant variant;
  Figures all;
  Figures without_loops;  // of batch 1 only
};

// Over the sets of text prompts (chats stand beside them), one for each batch, sampling and variant.
struct Mean {
  std::string sampling;
  int batch = 1;
  Variant variant;
  double speedup = 0;
  double speedup_without_loops = 0;  // 0: some set has none
};

struct Comparison {
  std::vector<Cell> cells;
  std::vector<Mean> means;
};

// `progress` gets a line before each prompt set of each repetition; may be null. Errors: what the model says.
absl::StatusOr<Comparison> Compare(LanguageModel& model, const TextModel& text,
                                   const std::vector<PromptSet>& sets, const CompareOptions& options,
                                   const Clock& clock, const std::function<void(std::string_view)>& progress);

}  // namespace pass::bench
