#include "server/metric_series.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/engine/token_sink.h"

namespace pass {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;
using Labels = std::map<std::string, std::string>;

std::string Name(const char* name) { return absl::StrCat("pass_", name); }

Family<Gauge>& GaugeFamily(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(Name(name)).Help(help).Register(registry);
}

Gauge& AddGauge(Registry& registry, const char* name, const char* help) {
  return GaugeFamily(registry, name, help).Add({});
}

Family<Counter>& CounterFamily(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(Name(name)).Help(help).Register(registry);
}

Counter& AddCounter(Registry& registry, const char* name, const char* help, const Labels& labels = {}) {
  return CounterFamily(registry, name, help).Add(labels);
}

Histogram& AddHistogram(Registry& registry, const char* name, const char* help,
                        const Histogram::BucketBoundaries& buckets, const Labels& labels = {}) {
  return prometheus::BuildHistogram().Name(Name(name)).Help(help).Register(registry).Add(labels, buckets);
}

// From half a millisecond: finer than doubling below a tenth of a second, where steps and tokens live; then
// doubling.
Histogram::BucketBoundaries SecondBuckets() {
  return {0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.008, 0.01,  0.0125, 0.015,  0.02,
          0.025,  0.03,  0.04,  0.05,  0.06,  0.08,  0.1,   0.2,   0.4,    0.8,    1.6,
          3.2,    6.4,   12.8,  25.6,  51.2,  102.4, 204.8, 409.6, 819.2,  1638.4, 3276.8};
}

Histogram::BucketBoundaries LengthBuckets() {
  Histogram::BucketBoundaries buckets;
  for (double decade = 1; decade < 1e6; decade *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) buckets.push_back(decade * factor);
  }
  return buckets;
}

Histogram::BucketBoundaries IntegerBuckets(int last) {
  Histogram::BucketBoundaries buckets;
  for (int i = 0; i <= last; ++i) buckets.push_back(i);
  return buckets;
}

}  // namespace

Metrics::Series::Series()
    : build_info(GaugeFamily(*registry, "build_info", "1, with what is running as labels")),
      load_seconds(GaugeFamily(*registry, "model_load_seconds", "Time to ready, by phase")),
      kv_cache_info(
          GaugeFamily(*registry, "kv_cache_info", "1, with the pages for keys and values as labels")),
      running(AddGauge(*registry, "requests_running", "Requests being prefilled or decoded")),
      waiting(AddGauge(*registry, "requests_waiting", "Requests waiting for admission")),
      kv_usage(
          AddGauge(*registry, "kv_cache_usage_ratio", "Reserved share of the pages for keys and values")),
      last_step(
          AddGauge(*registry, "engine_last_step_timestamp_seconds", "Unix time of the last forward's end")),
      start_time(AddGauge(*registry, "process_start_time_seconds", "Unix time of the start")),
      slow_reader_cutoffs(AddCounter(*registry, "slow_reader_cutoffs_total",
                                     "Requests cut off because their reader fell behind")),
      prompt_tokens(AddCounter(*registry, "prompt_tokens_total", "Prompt tokens of admitted requests")),
      generated_tokens(AddCounter(*registry, "generated_tokens_total", "Tokens given to clients")),
      planner_rows(
          AddGauge(*registry, "planner_rows", "Rows of the last forward that the planner shared out")),
      rows(CounterFamily(*registry, "rows_total", "Rows of forwards")),
      decode_rows(rows.Add({{"kind", "decode"}})),
      lookahead_rows(rows.Add({{"kind", "lookahead"}})),
      prefill_rows(rows.Add({{"kind", "prefill"}})),
      first_token_seconds(AddHistogram(*registry, "time_to_first_token_seconds",
                                       "From the call to the first step with a token", SecondBuckets())),
      inter_token_seconds(AddHistogram(
          *registry, "inter_token_seconds",
          "Time between steps of a stream, shared by the tokens of the later one", SecondBuckets())),
      request_seconds(
          AddHistogram(*registry, "request_seconds", "From the call to its end", SecondBuckets())),
      queue_seconds(AddHistogram(*registry, "queue_seconds", "From the call to admission", SecondBuckets())),
      prefill_seconds(AddHistogram(*registry, "prefill_seconds", "From admission to the end of the prompt",
                                   SecondBuckets())),
      cancel_to_free_seconds(AddHistogram(*registry, "cancel_to_free_seconds",
                                          "From a cancel or deadline to the return of the pages",
                                          SecondBuckets())),
      accepted_per_step(AddHistogram(*registry, "accepted_tokens_per_step",
                                     "Accepted draft tokens of a validation step that had drafts",
                                     IntegerBuckets(/*last=*/16))),
      prompt_length(AddHistogram(*registry, "prompt_length_tokens", "Prompt length", LengthBuckets())),
      generated_length(
          AddHistogram(*registry, "generated_length_tokens", "Completion length", LengthBuckets())),
      tokens_per_message(AddHistogram(*registry, "tokens_per_message", "Tokens of a streamed message",
                                      IntegerBuckets(/*last=*/32))) {
  AddOutcomes();
  AddForwards();
  AddControlArm();
  AddDrafts();
}

void Metrics::Series::AddOutcomes() {
  auto& by_outcome =
      CounterFamily(*registry, "requests_total", "Ended requests that the engine had taken, by outcome");
  for (size_t i = 0; i < kNumFinishReasons; ++i) {
    requests[i] = &by_outcome.Add({{"outcome", std::string(FinishReasonName(static_cast<FinishReason>(i)))}});
  }
  constexpr std::array<const char*, kNumStatusCodes> kCodes = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  auto& by_code =
      CounterFamily(*registry, "requests_by_code_total", "Requests by the status that their client got");
  for (size_t i = 0; i < kNumStatusCodes; ++i) codes[i] = &by_code.Add({{"code", kCodes[i]}});
  constexpr std::array<const char*, kNumRejectionReasons> kReasons = {
      "invalid",  "unknown_model", "failed_precondition", "queue_full", "loading",
      "draining", "deadline",      "duplicate_id",        "internal"};
  auto& by_reason =
      CounterFamily(*registry, "rejected_requests_total", "Requests that never reached the engine");
  for (size_t i = 0; i < kNumRejectionReasons; ++i) rejected[i] = &by_reason.Add({{"reason", kReasons[i]}});
  constexpr std::array<const char*, kNumCancelCauses> kCauses = {"client", "deadline", "slow_reader",
                                                                 "drain"};
  auto& by_cause = CounterFamily(*registry, "cancelled_requests_total", "Requests that were cut short");
  for (size_t i = 0; i < kNumCancelCauses; ++i) cancelled[i] = &by_cause.Add({{"cause", kCauses[i]}});
}

void Metrics::Series::AddForwards() {
  auto& by_kind = CounterFamily(*registry, "forwards_total", "Forwards of the model");
  auto& steps =
      CounterFamily(*registry, "decode_steps_total", "Decoding forwards, by method and batch (rounded up)");
  auto& seconds = CounterFamily(*registry, "decode_seconds_total", "Time of decoding forwards");
  auto& tokens = CounterFamily(*registry, "emitted_tokens_total", "Tokens emitted by decoding forwards");
  for (size_t kind = 0; kind < kNumForwardKinds; ++kind) {
    const std::string method(ForwardKindName(static_cast<ForwardKind>(kind)));
    forwards[kind] = &by_kind.Add({{"method", method}});
    if (static_cast<ForwardKind>(kind) == ForwardKind::kPrefill) continue;
    for (size_t i = 0; i < kNumBatchBuckets; ++i) {
      const Labels labels = {{"method", method}, {"batch", absl::StrCat(LargestBatchOf(i))}};
      batches[kind][i] = {
          .steps = &steps.Add(labels), .seconds = &seconds.Add(labels), .tokens = &tokens.Add(labels)};
    }
  }
  for (size_t i = 0; i < kNumRowBuckets; ++i) {
    const std::string largest = i + 1 == kNumRowBuckets ? "more" : absl::StrCat(1 << i);
    forward_seconds[i] =
        &AddHistogram(*registry, "forward_seconds", "Time of a forward, by its rows (rounded up)",
                      SecondBuckets(), {{"rows", largest}});
  }
  for (size_t i = 0; i < kNumMethods; ++i) {
    step_seconds[i] = &AddHistogram(*registry, "step_seconds", "Time of a stream's validation step",
                                    SecondBuckets(), {{"method", std::string(kMethods[i].name)}});
  }
}

void Metrics::Series::AddControlArm() {
  auto& steps = CounterFamily(*registry, "control_arm_steps_total",
                              "Forwards that decoded plain for comparison, and the one behind each of them");
  auto& seconds = CounterFamily(*registry, "control_arm_seconds_total", "Time of these forwards");
  auto& resting =
      GaugeFamily(*registry, "auto_resting",
                  "1: method auto decodes plain: trees did not pay, or nothing shows yet whether they do");
  for (size_t i = 0; i < kNumBatchBuckets; ++i) {
    const Labels labels = {{"batch", absl::StrCat(LargestBatchOf(i))}};
    control_arm_steps[i] = &steps.Add(labels);
    control_arm_seconds[i] = &seconds.Add(labels);
    auto_resting[i] = &resting.Add(labels);
  }
}

void Metrics::Series::AddDrafts() {
  constexpr std::array<const char*, kNumDraftOrigins> kSources = {"lookahead", "ngram", "successor"};
  auto& proposed_by_source = CounterFamily(*registry, "draft_tokens_total", "Proposed draft tokens");
  auto& accepted_by_source = CounterFamily(*registry, "accepted_tokens_total", "Accepted draft tokens");
  for (size_t i = 0; i < kSources.size(); ++i) {
    draft_tokens[i] = &proposed_by_source.Add({{"source", kSources[i]}});
    accepted_tokens[i] = &accepted_by_source.Add({{"source", kSources[i]}});
  }
  auto& drafted = CounterFamily(*registry, "drafted_steps_by_position_total",
                                "Validation steps that proposed a draft at this position");
  auto& accepted =
      CounterFamily(*registry, "accepted_tokens_by_position_total", "Drafts accepted at this position");
  for (int i = 0; i < kMaxPositions; ++i) {
    const Labels labels = {{"position", absl::StrCat(i + 1)}};
    drafted_by_position[i] = &drafted.Add(labels);
    accepted_by_position[i] = &accepted.Add(labels);
  }
}

}  // namespace pass
