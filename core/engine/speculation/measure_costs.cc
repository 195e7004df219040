#include "core/engine/speculation/measure_costs.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "absl/cleanup/cleanup.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr int kPrefillRows = 64;  // of a forward
constexpr SamplingOptions kGreedy{.temperature = 0};

TokenId AnyToken(int i, const ModelInfo& info) { return static_cast<TokenId>(i % info.vocab_size); }

absl::StatusOr<SequenceId> OpenWithPrefix(LanguageModel& model, int prefix) {
  PASS_ASSIGN_OR_RETURN(const SequenceId sequence, model.Open(prefix));
  const int most = std::min(kPrefillRows, model.info().max_batch_rows);
  for (int done = 0; done < prefix;) {
    std::vector<Row> rows(std::min(most, prefix - done));
    for (int i = 0; i < std::ssize(rows); ++i) {
      rows[i] = {.sequence = sequence,
                 .token = AnyToken(done + i, model.info()),
                 .position = done + i,
                 .parent = i == 0 ? kCommittedPrefix : i - 1};
    }
    std::vector<int> all(rows.size());
    std::iota(all.begin(), all.end(), 0);
    absl::Status status = model.Forward(rows).status();
    if (status.ok()) status = model.Commit(sequence, all);
    if (!status.ok()) {
      model.Close(sequence);
      return status;
    }
    done += static_cast<int>(rows.size());
  }
  return sequence;
}

// A chain of ordinary rows behind the prefix, which draw greedily; among them look-ahead rows, each behind the row
// before it.
std::vector<Row> RowsOf(SequenceId sequence, int count, const ModelInfo& info,
                        const MeasureOptions& options) {
  std::vector<Row> rows;
  int last = kCommittedPrefix;  // ordinary row
  int32_t position = options.prefix;
  for (int i = 0; i < count; ++i) {
    const int every = options.rows_per_lookahead;
    const bool lookahead = info.num_lookahead > 0 && every > 0 && i % every == every - 1;
    const RowOutput drafts = options.shortlists ? RowOutput::kShortlist : RowOutput::kNothing;
    rows.push_back({.sequence = sequence,
                    .token = AnyToken(position, info),
                    .lookahead = lookahead ? 1 : 0,
                    .position = position,
                    .parent = last,
                    .sampling = &kGreedy,
                    .output = lookahead ? drafts : RowOutput::kToken});
    if (lookahead) continue;
    last = i;
    ++position;
  }
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<ForwardCost>> MeasureForwards(LanguageModel& model, const Clock& clock,
                                                         const MeasureOptions& options) {
  const ModelInfo& info = model.info();
  MeasureOptions fitting = options;
  fitting.prefix = std::min(options.prefix, info.context_length / 2);
  std::erase_if(fitting.rows, [&](int count) {
    return count > info.max_batch_rows || fitting.prefix + count > info.context_length;
  });
  PASS_ASSIGN_OR_RETURN(const SequenceId sequence, OpenWithPrefix(model, fitting.prefix));
  const absl::Cleanup close = [&] { model.Close(sequence); };
  const absl::Time begin = clock.Now();
  std::map<int, std::vector<double>> seconds;  // by rows
  for (int repetition = 0; repetition < fitting.repetitions; ++repetition) {
    for (const int count : fitting.rows) {
      if (!seconds.empty() && clock.Now() - begin > fitting.budget) break;
      const std::vector<Row> rows = RowsOf(sequence, count, info, fitting);
      const absl::Time start = clock.Now();
      PASS_RETURN_IF_ERROR(model.Forward(rows).status());
      seconds[count].push_back(absl::ToDoubleSeconds(clock.Now() - start));
    }
  }
  std::vector<ForwardCost> costs;
  for (auto& [count, times] : seconds) {
    std::ranges::sort(times);
    costs.push_back({.rows = count, .median_seconds = times[times.size() / 2], .fastest_seconds = times[0]});
  }
  return costs;
}

}  // namespace pass
