#include "core/engine/speculation/speculation.h"

#include <algorithm>

#include "core/engine/speculation/batch_scale.h"
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
  if (report.sequences > 0) {
    const BatchScale scale = ScaleToLargest(report.sequences, planner_.costs());
    policy_.Observe(report.kind, report.sequences, scale.tokens * report.emitted_tokens,
                    scale.seconds * report.time);
  }
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

std::optional<absl::Duration> Speculation::PlainForwardTime(int batch) const {
  const std::optional<absl::Duration> largest = policy_.PlainForwardTime(batch);
  if (!largest.has_value()) return std::nullopt;
  return *largest / ScaleToLargest(std::max(batch, 1), planner_.costs()).seconds;
}

}  // namespace pass
