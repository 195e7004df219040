// t(rows): the wall time of one forward over so many rows of one sequence, as a step of speculation sees it.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"

namespace pass::bench {

struct CostOptions {
  std::vector<int> rows = {1, 2, 4, 6, 8, 12, 16, 24, 32};
  int context = 256;     // committed tokens before the rows
  int repetitions = 40;  // interleaved over the row counts
};

struct Cost {
  int rows = 0;
  double median_seconds = 0;
  double fastest_seconds = 0;
};

// Every row draws a greedy token, so the output layer is part of the time.
absl::StatusOr<std::vector<Cost>> MeasureCosts(LanguageModel& model, const CostOptions& options);

}  // namespace pass::bench
