// How a request wants its tokens drawn. Plain data; the models, the acceptance rule and the fake read the
// same struct.
#pragma once

#include <cstdint>
#include <vector>

#include "core/sampling/option_violation.h"

namespace pass {

struct SamplingOptions {
  double temperature = 1.0;  // below kGreedyBelow: greedy, the argmax without noise, lowest id on ties
  int top_k = 0;             // keep the k likeliest tokens; 0 is off
  double top_p = 1.0;        // keep the smallest set whose probability reaches p, in (0, 1]; 1 is off
  double min_p = 0.0;        // drop tokens less likely than min_p times the likeliest, in [0, 1]; 0 is off
  uint64_t seed = 0;
  uint32_t choice = 0;  // index of the choice, for requests that ask for several

  static constexpr double kGreedyBelow = 1e-5;
  static constexpr double kMaxTemperature = 100.0;

  bool greedy() const { return temperature < kGreedyBelow; }

  // Every option that is out of range or not a number, not only the first. Empty: all is well.
  std::vector<OptionViolation> Validate() const;
};

}  // namespace pass
