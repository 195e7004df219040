#include "server/vllm_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include "core/engine/observer.h"
#include "server/metrics.h"
#include "tests/fakes/fake_clock.h"

namespace pass {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Scrape(const prometheus::Collectable& collectable) {
  return prometheus::TextSerializer().Serialize(collectable.Collect());
}

TEST(VllmMetrics, HaveTheValuesOfOurSeriesUnderVllmsNames) {
  FakeClock clock;
  Metrics metrics(&clock);
  metrics.SetBuildInfo({.model = "tiny"});
  metrics.SetKvCache({.total_pages = 64, .page_tokens = 16});
  metrics.OnState(
      {.running = 3, .waiting = 2, .kv = {.total_pages = 64, .reserved_pages = 16, .page_tokens = 16}});
  StepReport step;
  step.token_ids = {1, 2, 3};
  step.method = Method::kTree;
  step.drafted = 5;
  step.accepted = 2;
  step.drafted_positions = 2;
  step.drafted_by_origin = {4, 1, 0};
  step.accepted_by_origin = {1, 1, 0};
  step.forwards = 1;
  metrics.OnStep(step, absl::Milliseconds(20), /*first=*/false);
  FinishReport cancelled;
  cancelled.reason = FinishReason::kCancelled;
  metrics.OnFinish(cancelled);
  FinishReport late;
  late.reason = FinishReason::kDeadline;
  metrics.OnFinish(late);

  const std::string text = Scrape(VllmMetrics(metrics.registry()));
  const std::string labels = "engine=\"0\",model_name=\"tiny\"";
  for (const std::string& line : {
           "vllm:num_requests_running{" + labels + "} 3",
           "vllm:num_requests_waiting{" + labels + "} 2",
           "vllm:kv_cache_usage_perc{" + labels + "} 0.25",
           "vllm:generation_tokens_total{" + labels + "} 3",
           "vllm:spec_decode_num_drafts_total{" + labels + "} 1",
           "vllm:spec_decode_num_draft_tokens_total{" + labels + "} 5",
           "vllm:spec_decode_num_accepted_tokens_total{" + labels + "} 2",
           "vllm:spec_decode_num_accepted_tokens_per_pos_total{" + labels + ",position=\"0\"} 1",
           "vllm:request_success_total{" + labels + ",finished_reason=\"abort\"} 2",
           "vllm:inter_token_latency_seconds_count{" + labels + "} 3",
           "vllm:cache_config_info{" + labels + ",block_size=\"16\",num_gpu_blocks=\"64\"} 1",
       }) {
    EXPECT_THAT(text, HasSubstr(line + "\n"));
  }
  EXPECT_THAT(text, HasSubstr("pass_requests_running 3"));
  EXPECT_THAT(Scrape(*metrics.registry()), Not(HasSubstr("vllm")));
}

}  // namespace
}  // namespace pass
