// Measures t(rows): the wall time of one forward by its number of rows, on rows of the kind that trees have.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/language_model/language_model.h"

namespace pass {

struct MeasureOptions {
  std::vector<int> rows = {1,  8,  4, 16, 2,
                           32, 12, 6, 24, 3};  // in the order of their worth, if time is short
  int prefix = 32;                             // committed tokens before the rows
  int repetitions = 3;                         // of the whole list, at most
  int rows_per_lookahead = 4;  // one row of so many is a look-ahead row, if the model has such; 0: none
  absl::Duration budget =
      absl::InfiniteDuration();  // no further forward begins after it; the first one always does
};

struct ForwardCost {
  int rows = 0;
  double median_seconds = 0;
  double fastest_seconds = 0;
};

// Opens a sequence of its own and closes it again. Ascending by rows; counts that do not fit the model, or that the
// budget left no time for, are missing. RESOURCE_EXHAUSTED and others: as the model's.
absl::StatusOr<std::vector<ForwardCost>> MeasureForwards(LanguageModel& model, const Clock& clock,
                                                         const MeasureOptions& options);

}  // namespace pass
