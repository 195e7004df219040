#include "core/engine/auto_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace pass {
namespace {

constexpr absl::Duration kPlainTime = absl::Milliseconds(10);

// One stream that follows the policy: a plain forward takes 10 ms and gives one token, a round of `pass`
// takes two forwards of `pass_time` and gives `pass_tokens`. Returns the method of each forward.
std::vector<Method> Follow(AutoPolicy& policy, int forwards, absl::Duration pass_time, int pass_tokens,
                           int batch = 1) {
  std::vector<Method> methods;
  while (static_cast<int>(methods.size()) < forwards) {
    const Method method = policy.Choose(batch);
    methods.push_back(method);
    if (method == Method::kPlain) {
      policy.Observe(ForwardKind::kPlain, batch, batch, kPlainTime);
      continue;
    }
    policy.Observe(ForwardKind::kPass, batch, batch, pass_time);
    policy.Observe(ForwardKind::kPass, batch, batch * (pass_tokens - 1), pass_time);
  }
  return methods;
}

int CountPass(const std::vector<Method>& methods) {
  return static_cast<int>(std::count(methods.begin(), methods.end(), Method::kPass));
}

TEST(AutoPolicy, TriesPassFirst) { EXPECT_EQ(AutoPolicy().Choose(1), Method::kPass); }

TEST(AutoPolicy, StaysWithPassWhileItPays) {
  AutoPolicy policy;
  Follow(policy, 200, /*pass_time=*/absl::Milliseconds(12), /*pass_tokens=*/4);
  EXPECT_GE(CountPass(Follow(policy, 640, absl::Milliseconds(12), 4)), 625);
}

TEST(AutoPolicy, KeepsTheBaselineHonestWithAFewPlainForwards) {
  AutoPolicy policy;
  Follow(policy, 200, absl::Milliseconds(12), 4);
  EXPECT_LE(CountPass(Follow(policy, 640, absl::Milliseconds(12), 4)), 635);
}

TEST(AutoPolicy, GoesPlainWhenPassDoesNotPayAndProbesEverMoreRarely) {
  AutoPolicy policy;
  const int early = CountPass(Follow(policy, 1000, absl::Milliseconds(30), 4));
  const int late = CountPass(Follow(policy, 1000, absl::Milliseconds(30), 4));
  EXPECT_LT(early, 200);
  EXPECT_LT(late, early);
  EXPECT_GT(CountPass(Follow(policy, 10000, absl::Milliseconds(30), 4)), 0);
}

TEST(AutoPolicy, ComesBackWhenPassPaysAgain) {
  AutoPolicy policy;
  Follow(policy, 500, absl::Milliseconds(30), 4);
  Follow(policy, 2 * AutoPolicy::kLongestRest, absl::Milliseconds(12), 4);
  EXPECT_GT(CountPass(Follow(policy, 100, absl::Milliseconds(12), 4)), 90);
}

TEST(AutoPolicy, JudgesEachBatchBucketByItself) {
  AutoPolicy policy;
  Follow(policy, 300, absl::Milliseconds(30), 4, /*batch=*/8);
  EXPECT_EQ(policy.Choose(8), Method::kPlain);
  EXPECT_EQ(policy.Choose(1), Method::kPass);
}

TEST(AutoPolicy, LearnsNothingFromMixedForwards) {
  AutoPolicy policy;
  for (int i = 0; i < 1000; ++i) policy.Observe(ForwardKind::kMixed, 1, 1, absl::Hours(1));
  EXPECT_FALSE(policy.PlainForwardTime(1).has_value());
  EXPECT_EQ(policy.Choose(1), Method::kPass);
}

TEST(AutoPolicy, GivesUpOnABaselineThatNoUnmixedForwardBrings) {
  AutoPolicy policy;
  int plain = 0;
  for (int i = 0; i < AutoPolicy::kUnmeasuredChoices; ++i) {
    if (policy.Choose(1) == Method::kPlain) ++plain;
    policy.Observe(ForwardKind::kMixed, 2, 2, kPlainTime);
  }
  EXPECT_LE(plain, AutoPolicy::kBaselineAttempts);
}

TEST(AutoPolicy, RestsFromAPassThatOnlyMixedForwardsWouldShow) {
  AutoPolicy policy;
  int passes = 0;
  for (int i = 0; i < 2000; ++i) {
    passes += policy.Choose(/*batch=*/4) == Method::kPass ? 1 : 0;
    policy.Observe(ForwardKind::kMixed, 4, 5, absl::Milliseconds(15));
  }
  EXPECT_GT(passes, 0);
  EXPECT_LT(passes, 500);
}

TEST(AutoPolicy, SmoothsThePlainForwardTime) {
  AutoPolicy policy;
  for (int i = 0; i < 100; ++i)
    policy.Observe(ForwardKind::kPlain, 3, 3, absl::Milliseconds(i % 2 == 0 ? 8 : 12));
  ASSERT_TRUE(policy.PlainForwardTime(4).has_value());
  EXPECT_NEAR(absl::ToDoubleMilliseconds(*policy.PlainForwardTime(4)), 10.0, 0.5);
  EXPECT_FALSE(policy.PlainForwardTime(1).has_value());
}

TEST(AutoPolicy, PutsBatchesIntoBucketsOfPowersOfTwo) {
  EXPECT_EQ(AutoPolicy::BucketOf(1), 0);
  EXPECT_EQ(AutoPolicy::BucketOf(2), 1);
  EXPECT_EQ(AutoPolicy::BucketOf(3), 2);
  EXPECT_EQ(AutoPolicy::BucketOf(4), 2);
  EXPECT_EQ(AutoPolicy::BucketOf(16), 4);
  EXPECT_EQ(AutoPolicy::BucketOf(1 << 30), AutoPolicy::kNumBuckets - 1);
}

}  // namespace
}  // namespace pass
