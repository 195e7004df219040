#include "core/engine/speculation/measure_costs.h"

#include <algorithm>
#include <limits>

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr int kRowCounts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
constexpr int kPrefix = 32;      // tokens that the rows attend to
constexpr int kRepetitions = 3;  // the fastest counts: the others met something else
constexpr int kRowsPerLookahead = 4;

// A chain of ordinary rows behind the prefix; each fourth row is a look-ahead row behind the one before.
std::vector<Row> RowsOf(SequenceId sequence, int prefix, int count, const ModelInfo& info,
                        const SamplingOptions& sampling) {
  std::vector<Row> rows;
  int last = kCommittedPrefix;  // ordinary row
  int32_t position = prefix;
  for (int i = 0; i < count; ++i) {
    const bool lookahead = info.num_lookahead > 0 && i % kRowsPerLookahead == kRowsPerLookahead - 1;
    rows.push_back({.sequence = sequence,
                    .token = static_cast<TokenId>(i % info.vocab_size),
                    .lookahead = lookahead ? 1 : 0,
                    .position = position,
                    .parent = last,
                    .sampling = &sampling,
                    .output = lookahead ? RowOutput::kShortlist : RowOutput::kToken});
    if (lookahead) continue;
    last = i;
    ++position;
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<CostSample>> MeasureForwards(LanguageModel& model, const Clock& clock,
                                                        int most_rows) {
  const ModelInfo& info = model.info();
  const int prefix = std::min({kPrefix, most_rows, info.context_length / 2});
  PASS_ASSIGN_OR_RETURN(const SequenceId sequence, model.Open(prefix));
  const absl::Cleanup close = [&] { model.Close(sequence); };
  const SamplingOptions sampling{.temperature = 0};
  std::vector<Row> prompt;
  std::vector<int> all;
  for (int i = 0; i < prefix; ++i) {
    prompt.push_back({.sequence = sequence,
                      .token = static_cast<TokenId>(i % info.vocab_size),
                      .position = i,
                      .parent = i - 1});
    all.push_back(i);
  }
  PASS_RETURN_IF_ERROR(model.Forward(prompt).status());
  PASS_RETURN_IF_ERROR(model.Commit(sequence, all));
  std::vector<CostSample> samples;
  for (const int count : kRowCounts) {
    if (count > most_rows || prefix + count > info.context_length) break;
    const std::vector<Row> rows = RowsOf(sequence, prefix, count, info, sampling);
    double fastest = std::numeric_limits<double>::infinity();
    for (int i = 0; i < kRepetitions; ++i) {
      const absl::Time start = clock.Now();
      PASS_RETURN_IF_ERROR(model.Forward(rows).status());
      fastest = std::min(fastest, absl::ToDoubleSeconds(clock.Now() - start));
    }
    samples.push_back({.rows = count, .seconds = fastest});
  }
  return samples;
}

}  // namespace pass
