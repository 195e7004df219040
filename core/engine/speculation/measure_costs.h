// Measures what a forward costs by its number of rows, on rows of the kind that trees have.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/speculation/step_costs.h"
#include "core/language_model/language_model.h"

namespace pass {

// Opens a sequence of its own and closes it again. Takes about 20 forwards. `most_rows`: of a forward, at least 1.
// Ascending by rows. RESOURCE_EXHAUSTED and others: as the model's.
absl::StatusOr<std::vector<CostSample>> MeasureForwards(LanguageModel& model, const Clock& clock,
                                                        int most_rows);

}  // namespace pass
