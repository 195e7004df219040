#include "server/metrics.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/time/time.h"
#include "core/engine/batch_bucket.h"
#include "server/logging.h"
#include "server/metric_series.h"

namespace pass {
namespace {

double Seconds(absl::Duration duration) { return absl::ToDoubleSeconds(duration); }

size_t RowBucketOf(int rows) {
  return std::min<size_t>(std::bit_width(static_cast<unsigned>(std::max(rows, 1)) - 1), kNumRowBuckets - 1);
}

template <typename Enum>
size_t Index(Enum value) {
  return static_cast<size_t>(value);
}

}  // namespace

Metrics::Metrics(const Clock* clock) : clock_(clock), series_(std::make_unique<Series>()) {
  series_->start_time.Set(absl::ToDoubleSeconds(clock_->Now() - absl::UnixEpoch()));
}
Metrics::~Metrics() = default;

std::shared_ptr<prometheus::Registry> Metrics::registry() const { return series_->registry; }

void Metrics::SetBuildInfo(const BuildInfo& info) {
  series_->build_info
      .Add({{"version", info.version},
            {"torch", info.torch},
            {"device", info.device},
            {"dtype", info.dtype},
            {"weights", info.weights},
            {"isa", info.isa},
            {"model", info.model}})
      .Set(1);
}

void Metrics::SetKvCache(const KvUsage& kv) {
  series_->kv_cache_info
      .Add({{"page_tokens", std::to_string(kv.page_tokens)}, {"pages", std::to_string(kv.total_pages)}})
      .Set(1);
}

void Metrics::SetLoadSeconds(std::string_view phase, double seconds) {
  series_->load_seconds.Add({{"phase", std::string(phase)}}).Set(seconds);
}

void Metrics::CountRejected(RejectionReason reason) { series_->rejected[Index(reason)]->Increment(); }

void Metrics::CountStatus(absl::StatusCode code) {
  series_->codes[std::min(Index(code), kNumStatusCodes - 1)]->Increment();
}

void Metrics::CountCancelled(CancelCause cause) {
  series_->cancelled[Index(cause)]->Increment();
  if (cause == CancelCause::kSlowReader) series_->slow_reader_cutoffs.Increment();
}

void Metrics::ObserveMessage(int tokens) { series_->tokens_per_message.Observe(tokens); }

void Metrics::OnAdmitted(const GenerationRequest& request, absl::Duration queue) {
  if (!counting_.load(std::memory_order_relaxed)) return;
  const auto tokens = static_cast<double>(request.prompt.size());
  series_->prompt_tokens.Increment(tokens);
  series_->prompt_length.Observe(tokens);
  series_->queue_seconds.Observe(Seconds(queue));
}

void Metrics::OnForward(const ForwardReport& report) {
  series_->last_step.Set(absl::ToDoubleSeconds(clock_->Now() - absl::UnixEpoch()));
  if (!counting_.load(std::memory_order_relaxed)) return;
  series_->forwards[Index(report.kind)]->Increment();
  series_->decode_rows.Increment(report.decode_rows - report.lookahead_rows);
  series_->lookahead_rows.Increment(report.lookahead_rows);
  series_->prefill_rows.Increment(report.prefill_rows);
  const int rows = report.decode_rows + report.prefill_rows;
  series_->forward_seconds[RowBucketOf(rows)]->Observe(Seconds(report.time));
  if (report.kind == ForwardKind::kPrefill) return;
  const size_t bucket = BatchBucketOf(report.sequences);
  // Without forwards a bucket does not rest, and none would take its 1 back.
  if (bucket != last_bucket_) series_->auto_resting[std::exchange(last_bucket_, bucket)]->Set(0);
  series_->auto_resting[bucket]->Set(report.auto_rests ? 1 : 0);
  if (report.kind == KindOf(Method::kTree)) series_->planner_rows.Set(report.decode_rows);
  if (report.control) {
    series_->control_arm_steps[bucket]->Increment();
    series_->control_arm_seconds[bucket]->Increment(Seconds(report.time));
  }
  const BatchSeries& batch = series_->batches[Index(report.kind)][bucket];
  batch.steps->Increment();
  batch.seconds->Increment(Seconds(report.time));
  batch.tokens->Increment(report.emitted_tokens);
}

void Metrics::OnStep(const StepReport& report, absl::Duration since_last, bool first) {
  if (!counting_.load(std::memory_order_relaxed)) return;
  const auto tokens = static_cast<double>(report.token_ids.size());
  series_->generated_tokens.Increment(tokens);
  if (first) {
    series_->first_token_seconds.Observe(Seconds(since_last));
  } else {
    for (size_t i = 0; i < report.token_ids.size(); ++i) {
      series_->inter_token_seconds.Observe(Seconds(since_last) / tokens);
    }
  }
  if (report.forwards > 0) series_->step_seconds[Index(report.method)]->Observe(Seconds(report.step_time));
  if (report.drafted == 0) return;
  for (size_t i = 0; i < kNumDraftOrigins; ++i) {
    series_->draft_tokens[i]->Increment(report.drafted_by_origin[i]);
    series_->accepted_tokens[i]->Increment(report.accepted_by_origin[i]);
  }
  series_->accepted_per_step.Observe(report.accepted);
  // Accepted drafts are a prefix of the positions that held one.
  for (int i = 0; i < std::min(report.drafted_positions, kMaxPositions); ++i) {
    series_->drafted_by_position[i]->Increment();
    if (i < report.accepted) series_->accepted_by_position[i]->Increment();
  }
}

void Metrics::OnFinish(const FinishReport& report) {
  if (!counting_.load(std::memory_order_relaxed)) return;
  series_->requests[Index(report.reason)]->Increment();
  series_->generated_length.Observe(report.completion_tokens);
  series_->request_seconds.Observe(Seconds(report.timing.total));
  if (report.completion_tokens > 0) series_->prefill_seconds.Observe(Seconds(report.timing.prefill));
}

void Metrics::OnCancelFreed(absl::Duration time) {
  if (counting_.load(std::memory_order_relaxed)) series_->cancel_to_free_seconds.Observe(Seconds(time));
}

void Metrics::OnModelError(const GenerationRequest& request, const absl::Status& error) {
  Log(LogLevel::kError, "model_error", {{"id", request.id}, {"error", error.ToString()}});
}

void Metrics::OnState(const EngineState& state) {
  series_->running.Set(state.running);
  series_->waiting.Set(state.waiting);
  const int64_t total = state.kv.total_pages;
  series_->kv_usage.Set(
      total == 0 ? 0 : static_cast<double>(state.kv.reserved_pages) / static_cast<double>(total));
}

}  // namespace pass
