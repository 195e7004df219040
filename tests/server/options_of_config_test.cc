// What a configuration means to the parts of the server.
#include "server/options_of_config.h"

#include <gtest/gtest.h>

namespace pass {
namespace {

// A slow machine is ready as soon as a fast one: what comes before the first client is bounded by time, not by a
// number of forwards.
TEST(OptionsOfConfig, AllowMeasuringAndWarmUpOneSecondTogether) {
  const ServerConfig config;
  const absl::Duration measuring = EngineOptionsOf(config).measuring_time;
  const absl::Duration warm_up = WarmUpOptionsOf(config).budget;
  EXPECT_GT(measuring, absl::ZeroDuration());
  EXPECT_GT(warm_up, absl::ZeroDuration());
  EXPECT_LE(measuring + warm_up, absl::Seconds(1));
}

TEST(OptionsOfConfig, LeaveTheNumberOfThreadsToTheModelUnlessItIsGiven) {
  ServerConfig config;
  EXPECT_EQ(LoadOptionsOf(config).num_threads, 0) << "what affinity and quota allow";
  config.threads = 3;
  EXPECT_EQ(LoadOptionsOf(config).num_threads, 3);
}

}  // namespace
}  // namespace pass
