// Every series of Metrics, made once: name, help, labels and buckets in one place.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <memory>
#include <vector>

#include "core/engine/batch_bucket.h"
#include "server/metrics.h"

namespace pass {

inline constexpr size_t kNumFinishReasons = 5;
inline constexpr size_t kNumStatusCodes = 17;
inline constexpr size_t kNumRejectionReasons = 9;
inline constexpr size_t kNumCancelCauses = 4;
inline constexpr size_t kNumRowBuckets = 8;  // forwards of 1, 2, 4, ... 64 and more rows
inline constexpr int kMaxPositions = 32;     // draft positions that are counted apart

// By method and batch bucket.
struct BatchSeries {
  prometheus::Counter* steps = nullptr;
  prometheus::Counter* seconds = nullptr;
  prometheus::Counter* tokens = nullptr;
};

struct Metrics::Series {
  Series();

  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();

  prometheus::Family<prometheus::Gauge>& build_info;
  prometheus::Family<prometheus::Gauge>& load_seconds;
  prometheus::Gauge& running;
  prometheus::Gauge& waiting;
  prometheus::Gauge& kv_usage;
  prometheus::Gauge& last_step;
  prometheus::Gauge& start_time;

  std::array<prometheus::Counter*, kNumFinishReasons> requests{};
  std::array<prometheus::Counter*, kNumStatusCodes> codes{};  // by gRPC status code
  std::array<prometheus::Counter*, kNumRejectionReasons> rejected{};
  std::array<prometheus::Counter*, kNumCancelCauses> cancelled{};
  prometheus::Counter& slow_reader_cutoffs;
  prometheus::Counter& prompt_tokens;
  prometheus::Counter& generated_tokens;

  std::array<prometheus::Counter*, kNumForwardKinds> forwards{};
  std::array<std::array<BatchSeries, kNumBatchBuckets>, kNumForwardKinds> batches{};
  std::array<prometheus::Counter*, kNumBatchBuckets> control_arm_steps{};
  std::array<prometheus::Counter*, kNumBatchBuckets> control_arm_seconds{};
  std::array<prometheus::Gauge*, kNumBatchBuckets> auto_resting{};
  prometheus::Gauge& planner_rows;
  std::array<prometheus::Histogram*, kNumRowBuckets> forward_seconds{};
  prometheus::Family<prometheus::Counter>& rows;
  prometheus::Counter& decode_rows;
  prometheus::Counter& lookahead_rows;
  prometheus::Counter& prefill_rows;

  std::array<prometheus::Counter*, kNumDraftOrigins> draft_tokens{};
  std::array<prometheus::Counter*, kNumDraftOrigins> accepted_tokens{};
  std::array<prometheus::Counter*, kMaxPositions> drafted_by_position{};
  std::array<prometheus::Counter*, kMaxPositions> accepted_by_position{};

  prometheus::Histogram& first_token_seconds;
  prometheus::Histogram& inter_token_seconds;
  std::array<prometheus::Histogram*, kNumMethods> step_seconds{};
  prometheus::Histogram& request_seconds;
  prometheus::Histogram& queue_seconds;
  prometheus::Histogram& prefill_seconds;
  prometheus::Histogram& cancel_to_free_seconds;
  prometheus::Histogram& accepted_per_step;
  prometheus::Histogram& prompt_length;
  prometheus::Histogram& generated_length;
  prometheus::Histogram& tokens_per_message;

 private:
  void AddOutcomes();
  void AddForwards();
  void AddControlArm();
  void AddDrafts();
};

}  // namespace pass
