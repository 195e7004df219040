// Measures t(rows), the wall time of a forward by its number of rows, with forwards like those of trees.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/language_model/language_model.h"

namespace pass {

struct MeasureOptions {
  std::vector<int> rows = {1, 8, 4, 16, 2, 32, 64, 12, 6, 24, 3};  // the most useful first, if time is short
  int prefix = 32;                                                 // committed tokens before the rows
  int repetitions = 3;                                             // of the whole list, at most
  int rows_per_lookahead = 4;  // one row in so many is a look-ahead row, if the model has them; 0: none
  bool shortlists = true;      // whether look-ahead rows return their shortlists, or nothing
  absl::Duration budget = absl::InfiniteDuration();  // after it no forward begins; the first one always does
};

struct ForwardCost {
  int rows = 0;
  double median_seconds = 0;
  double fastest_seconds = 0;
};

// One entry for each number of rows, ascending. Numbers that do not fit the model, or for which no time was
// left, are missing. It opens a sequence of its own and closes it again. Errors are those of the model,
// RESOURCE_EXHAUSTED among them.
absl::StatusOr<std::vector<ForwardCost>> MeasureForwards(LanguageModel& model, const Clock& clock,
                                                         const MeasureOptions& options);

}  // namespace pass
