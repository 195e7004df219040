// The figures of a comparison: pure functions from what single runs took and gave.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/engine/token_sink.h"

namespace pass::bench {

// One unit (a prompt, or the prompts of a batch) by one method.
struct Measurement {
  double seconds = 0;
  int64_t tokens = 0;
  SpeculationSummary speculation = {};  // sums over the unit
};

void AddTo(SpeculationSummary& sum, const SpeculationSummary& part);

// The same unit by plain decoding and by a variant, one right after the other.
struct Pair {
  int repetition = 0;
  Measurement plain;
  Measurement variant;
  int outputs = 0;    // completions in it
  int identical = 0;  // of them, those that are plain's, token by token
  int looping = 0;    // of them, those that loop, with either method
};

// Of the repetitions' values.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

struct Figures {
  int units = 0;
  int outputs = 0;
  int64_t tokens = 0;
  Spread tokens_per_second;
  // Seconds that plain decoding takes / seconds that the variant takes for as many tokens, summed over the
  // units of a repetition.
  Spread speedup;
  double tokens_per_forward = 0;
  double acceptance_rate = 0;       // accepted / drafted; 0 where nothing was drafted
  double mean_accepted_length = 0;  // accepted / validation steps
  std::vector<int64_t> drafted_by_position;
  std::vector<int64_t> accepted_by_position;
  double identical_share = 0;
  double looping_share = 0;
};

// All zero without pairs.
Figures Summarize(std::span<const Pair> pairs);

// The pairs in which no output loops: what is left to flatter nothing.
std::vector<Pair> WithoutLoops(std::span<const Pair> pairs);

// 0 for no values. All must be above 0.
double GeometricMean(std::span<const double> values);

}  // namespace pass::bench
