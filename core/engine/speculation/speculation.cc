#include "core/engine/speculation/speculation.h"

#include "core/engine/speculation/measure_costs.h"

namespace pass {

void Speculation::MeasureCosts(LanguageModel& model, const Clock& clock, int most_rows) {
  const absl::StatusOr<std::vector<CostSample>> samples = MeasureForwards(model, clock, most_rows);
  if (samples.ok()) planner_.costs().Set(*samples);
}

void Speculation::Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes) {
  policy_.Observe(report.kind, report.sequences, report.emitted_tokens, report.time);
  planner_.Observe(report, outcomes);
}

}  // namespace pass
