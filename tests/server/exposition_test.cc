#include "server/exposition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/fakes/fake_clock.h"

namespace pass {
namespace {

using testing::HasSubstr;

class ExpositionTest : public testing::Test {
 protected:
  // Whether a text shows what was counted just before.
  bool NextTextIsNew() {
    counter_.Increment();
    return absl::StrContains(exposition_.Text(), absl::StrCat("\ntexts ", counter_.Value(), "\n"));
  }

  FakeClock clock_;
  std::shared_ptr<prometheus::Registry> registry_ = std::make_shared<prometheus::Registry>();
  prometheus::Counter& counter_ = prometheus::BuildCounter().Name("texts").Register(*registry_).Add({});
  Exposition exposition_{registry_, &clock_};
};

TEST_F(ExpositionTest, IsTheTextFormatOfTheSeries) {
  EXPECT_THAT(exposition_.Text(), HasSubstr("# TYPE texts counter\ntexts 0\n"));
}

TEST_F(ExpositionTest, IsNewForABurstAndThenOncePerInterval) {
  for (int i = 0; i < Exposition::kBurst; ++i) ASSERT_TRUE(NextTextIsNew()) << i;
  EXPECT_FALSE(NextTextIsNew());
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(Exposition::kInterval);
    EXPECT_TRUE(NextTextIsNew());
    EXPECT_FALSE(NextTextIsNew());
  }
}

TEST_F(ExpositionTest, IsNewForEachScrapeOfAnOrdinaryProgram) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(NextTextIsNew()) << i;
    clock_.Advance(absl::Seconds(1));
  }
}

TEST_F(ExpositionTest, IsNewAgainAfterAnIntervalOfAClockThatWasSetBack) {
  for (int i = 0; i < Exposition::kBurst; ++i) exposition_.Text();
  clock_.Advance(-absl::Hours(1));
  EXPECT_FALSE(NextTextIsNew());
  clock_.Advance(Exposition::kInterval);
  EXPECT_TRUE(NextTextIsNew());
}

TEST_F(ExpositionTest, AllowsAnotherBurstAfterAPauseButNoLongerOne) {
  for (int i = 0; i < 2 * Exposition::kBurst; ++i) exposition_.Text();
  clock_.Advance(absl::Hours(1));
  for (int i = 0; i < Exposition::kBurst; ++i) ASSERT_TRUE(NextTextIsNew()) << i;
  EXPECT_FALSE(NextTextIsNew());
}

}  // namespace
}  // namespace pass
