#include "core/sampling/sampling_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::vector<std::string> NamesOf(const SamplingOptions& options) {
  std::vector<std::string> names;
  for (const OptionViolation& violation : options.Validate()) names.push_back(violation.name);
  return names;
}

TEST(SamplingOptions, AcceptsTheEndsOfEveryRange) {
  EXPECT_THAT(NamesOf({}), IsEmpty());
  EXPECT_THAT(NamesOf({.temperature = 0, .top_k = 0, .top_p = 1e-9, .min_p = 0}), IsEmpty());
  EXPECT_THAT(NamesOf({.temperature = 100, .top_k = 1 << 30, .top_p = 1, .min_p = 1}), IsEmpty());
}

TEST(SamplingOptions, NamesEveryOptionThatIsOutOfRange) {
  EXPECT_THAT(NamesOf({.temperature = 100.1, .top_k = -1, .top_p = 0, .min_p = 1.1}),
              ElementsAre("temperature", "top_k", "top_p", "min_p"));
  EXPECT_THAT(NamesOf({.temperature = -0.1, .top_p = 1.1, .min_p = -0.1}),
              ElementsAre("temperature", "top_p", "min_p"));
}

TEST(SamplingOptions, RefusesWhatIsNotANumber) {
  EXPECT_THAT(NamesOf({.temperature = kNan, .top_p = kNan, .min_p = kNan}),
              ElementsAre("temperature", "top_p", "min_p"));
  EXPECT_THAT(NamesOf({.temperature = std::numeric_limits<double>::infinity()}), ElementsAre("temperature"));
}

TEST(SamplingOptions, IsGreedyBelowTheSmallestTemperature) {
  EXPECT_TRUE(SamplingOptions{.temperature = 0}.greedy());
  EXPECT_TRUE(SamplingOptions{.temperature = 9e-6}.greedy());
  EXPECT_FALSE(SamplingOptions{.temperature = 1e-5}.greedy());
}

}  // namespace
}  // namespace pass
