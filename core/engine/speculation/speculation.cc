#include "core/engine/speculation/speculation.h"

#include <algorithm>

#include "core/engine/speculation/measure_costs.h"

namespace pass {

void Speculation::MeasureCosts(LanguageModel& model, const Clock& clock, absl::Duration budget) {
  const absl::StatusOr<std::vector<ForwardCost>> costs =
      MeasureForwards(model, clock, MeasureOptions{.budget = budget});
  if (!costs.ok()) return;
  std::vector<CostSample> samples;  // the fastest: the other forwards met something else
  for (const ForwardCost& cost : *costs) samples.push_back({cost.rows, cost.fastest_seconds});
  planner_.costs().Set(samples);
}

void Speculation::Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes) {
  policy_.Observe(report.kind, report.sequences, report.emitted_tokens, report.time);
  planner_.Observe(report, outcomes);
  const double seconds = absl::ToDoubleSeconds(report.time);
  if (report.prefill_rows == 0 || seconds <= 0) return;
  const double others = report.decode_rows > 0 ? planner_.costs().Seconds(report.decode_rows) : 0;
  prompt_costs_.Observe(report.prefill_rows, seconds, others);
}

int Speculation::PromptRowsBeside(int decode_rows, int prompts, int most) const {
  const double seconds = kShareOfAPrompt * prompts * planner_.costs().Seconds(decode_rows);
  return std::max(prompt_costs_.RowsIn(seconds, most), std::min(most, kLeastPromptRows));
}

}  // namespace pass
