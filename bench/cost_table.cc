#include "bench/cost_table.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "core/base/status_macros.h"

namespace pass::bench {
namespace {

constexpr SamplingOptions kGreedy{.temperature = 0.0};

std::vector<Row> Chain(SequenceId id, int count, int32_t position, RowOutput output) {
  std::vector<Row> rows;
  for (int i = 0; i < count; ++i) {
    rows.push_back({.sequence = id,
                    .token = 100 + (position + i) % 50,
                    .position = position + i,
                    .parent = i - 1,
                    .sampling = &kGreedy,
                    .output = output});
  }
  return rows;
}

absl::StatusOr<SequenceId> OpenWithContext(LanguageModel& model, const CostOptions& options) {
  PASS_ASSIGN_OR_RETURN(const SequenceId id, model.Open(options.context));
  for (int32_t position = 0; position < options.context;) {
    const int count = std::min(64, options.context - position);
    PASS_RETURN_IF_ERROR(model.Forward(Chain(id, count, position, RowOutput::kNothing)).status());
    std::vector<int> rows(count);
    std::iota(rows.begin(), rows.end(), 0);
    PASS_RETURN_IF_ERROR(model.Commit(id, rows));
    position += count;
  }
  return id;
}

}  // namespace

absl::StatusOr<std::vector<Cost>> MeasureCosts(LanguageModel& model, const CostOptions& options) {
  PASS_ASSIGN_OR_RETURN(const SequenceId id, OpenWithContext(model, options));
  std::vector<std::vector<double>> seconds(options.rows.size());
  constexpr int kWarmUp = 3;
  for (int repetition = -kWarmUp; repetition < options.repetitions; ++repetition) {
    for (size_t i = 0; i < options.rows.size(); ++i) {
      const std::vector<Row> rows = Chain(id, options.rows[i], options.context, RowOutput::kToken);
      const auto start = std::chrono::steady_clock::now();
      PASS_RETURN_IF_ERROR(model.Forward(rows).status());
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
      if (repetition >= 0) seconds[i].push_back(time.count());
    }
  }
  model.Close(id);
  std::vector<Cost> costs;
  for (size_t i = 0; i < seconds.size(); ++i) {
    std::sort(seconds[i].begin(), seconds[i].end());
    costs.push_back({options.rows[i], seconds[i][seconds[i].size() / 2], seconds[i].front()});
  }
  return costs;
}

}  // namespace pass::bench
