#include "core/engine/speculation/auto_policy.h"

#include <gtest/gtest.h>

#include <vector>

namespace pass {
namespace {

constexpr absl::Duration kPlainTime = absl::Milliseconds(10);

// One stream that follows the policy: a plain forward takes 10 ms and gives one token, a tree forward takes
// `tree_time` and gives `tree_tokens`. Returns the method of each forward.
std::vector<Method> Follow(AutoPolicy& policy, int forwards, absl::Duration tree_time, int tree_tokens,
                           int batch = 1) {
  std::vector<Method> methods;
  while (static_cast<int>(methods.size()) < forwards) {
    const Method method = policy.Choose(batch, /*comparable=*/true).method;
    methods.push_back(method);
    if (method == Method::kPlain) {
      policy.Observe(KindOf(Method::kPlain), batch, batch, kPlainTime);
    } else {
      policy.Observe(KindOf(Method::kTree), batch, batch * tree_tokens, tree_time);
    }
  }
  return methods;
}

int CountTree(const std::vector<Method>& methods) {
  return static_cast<int>(std::count(methods.begin(), methods.end(), Method::kTree));
}

TEST(AutoPolicy, TriesTreeFirst) { EXPECT_EQ(AutoPolicy().Choose(1, true).method, Method::kTree); }

TEST(AutoPolicy, StaysWithTreeWhileItPays) {
  AutoPolicy policy;
  Follow(policy, 200, /*tree_time=*/absl::Milliseconds(12), /*tree_tokens=*/2);
  EXPECT_GE(CountTree(Follow(policy, 640, absl::Milliseconds(12), 2)), 625);
}

TEST(AutoPolicy, KeepsTheBaselineHonestWithAFewPlainForwards) {
  AutoPolicy policy;
  Follow(policy, 200, absl::Milliseconds(12), 2);
  EXPECT_LE(CountTree(Follow(policy, 640, absl::Milliseconds(12), 2)), 635);
}

TEST(AutoPolicy, GivesTheControlArmItsShare) {
  AutoPolicy policy(/*control_share=*/0.05);
  Follow(policy, 200, absl::Milliseconds(12), 2);
  EXPECT_NEAR(CountTree(Follow(policy, 1000, absl::Milliseconds(12), 2)), 950, 3);
}

TEST(AutoPolicy, ComparesNoMoreThanItNeedsWithoutAControlArm) {
  AutoPolicy policy(/*control_share=*/0);
  Follow(policy, 200, absl::Milliseconds(12), 2);
  EXPECT_TRUE(policy.PlainForwardTime(1).has_value());
  EXPECT_EQ(CountTree(Follow(policy, 5000, absl::Milliseconds(12), 2)), 5000);
}

TEST(AutoPolicy, SaysWhichPlainForwardsAreForComparisonAndWhichAreARest) {
  AutoPolicy policy;
  int control = 0, resting = 0;
  for (int i = 0; i < 300; ++i) {
    const AutoPolicy::Choice choice = policy.Choose(1, true);
    EXPECT_EQ(choice.method == Method::kPlain, choice.control || choice.resting);
    control += choice.control;
    resting += choice.resting;
    const bool plain = choice.method == Method::kPlain;
    policy.Observe(KindOf(choice.method), 1, plain ? 1 : 2,
                   plain ? absl::Milliseconds(10) : absl::Milliseconds(30));
  }
  EXPECT_GE(control, AutoPolicy::kPlainForwardsKnown);
  EXPECT_GT(resting, 100);
}

TEST(AutoPolicy, ComparesOnlyWhereAForwardWillTellAboutOneMethod) {
  AutoPolicy policy;
  for (int i = 0; i < AutoPolicy::kUnmeasuredChoices; ++i) {
    EXPECT_FALSE(policy.Choose(2, /*comparable=*/false).control);
  }
}

TEST(AutoPolicy, GoesPlainWhenTreeDoesNotPayAndProbesEverMoreRarely) {
  AutoPolicy policy;
  const int early = CountTree(Follow(policy, 1000, absl::Milliseconds(30), 2));
  const int late = CountTree(Follow(policy, 1000, absl::Milliseconds(30), 2));
  EXPECT_LT(early, 200);
  EXPECT_LT(late, early);
  EXPECT_GT(CountTree(Follow(policy, 10000, absl::Milliseconds(30), 2)), 0);
}

TEST(AutoPolicy, ComesBackWhenTreePaysAgain) {
  AutoPolicy policy;
  Follow(policy, 500, absl::Milliseconds(30), 2);
  Follow(policy, 2 * AutoPolicy::kLongestRest, absl::Milliseconds(12), 2);
  EXPECT_GT(CountTree(Follow(policy, 100, absl::Milliseconds(12), 2)), 90);
}

TEST(AutoPolicy, GivesAProvenTreeUpOnlyWhenItIsClearlySlower) {
  AutoPolicy policy;
  Follow(policy, 200, absl::Milliseconds(18), 2);
  EXPECT_GE(CountTree(Follow(policy, 640, absl::Microseconds(20100), 2)), 620);
  EXPECT_LT(CountTree(Follow(policy, 640, absl::Microseconds(21000), 2)), 400);
}

TEST(AutoPolicy, JudgesEachBatchBucketByItself) {
  AutoPolicy policy;
  Follow(policy, 300, absl::Milliseconds(30), 2, /*batch=*/8);
  EXPECT_EQ(policy.Choose(8, true).method, Method::kPlain);
  EXPECT_EQ(policy.Choose(1, true).method, Method::kTree);
}

TEST(AutoPolicy, LearnsNothingFromMixedForwards) {
  AutoPolicy policy;
  for (int i = 0; i < 1000; ++i) policy.Observe(ForwardKind::kMixed, 1, 1, absl::Hours(1));
  EXPECT_FALSE(policy.PlainForwardTime(1).has_value());
  EXPECT_EQ(policy.Choose(1, true).method, Method::kTree);
}

TEST(AutoPolicy, TriesAgainSoonForABaselineThatAForwardDidNotBring) {
  AutoPolicy policy(/*control_share=*/0);
  int plain = 0;
  for (int i = 0; i < 5 * AutoPolicy::kForwardsToFirstBaseline; ++i) {
    if (policy.Choose(1, true).method == Method::kPlain) ++plain;
    policy.Observe(ForwardKind::kMixed, 2, 2, kPlainTime);
  }
  EXPECT_EQ(plain, 5);
}

TEST(AutoPolicy, RestsFromATreeThatOnlyMixedForwardsWouldShow) {
  AutoPolicy policy;
  int trees = 0;
  for (int i = 0; i < 2000; ++i) {
    trees += policy.Choose(/*batch=*/4, /*comparable=*/false).method == Method::kTree ? 1 : 0;
    policy.Observe(ForwardKind::kMixed, 4, 5, absl::Milliseconds(15));
  }
  EXPECT_GT(trees, 0);
  EXPECT_LT(trees, 500);
}

TEST(AutoPolicy, EndsSuchARestWithTheFirstForwardThatCanShow) {
  AutoPolicy policy;
  while (!policy.Choose(1, /*comparable=*/false).resting) {
  }
  EXPECT_FALSE(policy.Choose(1, /*comparable=*/true).resting);
  EXPECT_EQ(policy.Choose(1, /*comparable=*/false).method, Method::kTree);
}

TEST(AutoPolicy, KeepsAProvenTreeBesideALongPrompt) {
  AutoPolicy policy;
  Follow(policy, 200, absl::Milliseconds(12), 2);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(policy.Choose(1, /*comparable=*/false).method, Method::kTree) << "forward " << i;
    policy.Observe(ForwardKind::kMixed, 1, 2, absl::Milliseconds(30));
  }
}

TEST(AutoPolicy, IsNotUpsetByOneStall) {
  AutoPolicy policy;
  Follow(policy, 200, absl::Milliseconds(12), 2);
  policy.Observe(KindOf(Method::kPlain), 1, 1, absl::Seconds(1));
  EXPECT_LT(*policy.PlainForwardTime(1), 1.2 * kPlainTime);
  policy.Observe(KindOf(Method::kPlain), 1, 1, -absl::Seconds(1));
  EXPECT_GT(*policy.PlainForwardTime(1), 0.9 * kPlainTime);
}

TEST(AutoPolicy, SmoothsThePlainForwardTime) {
  AutoPolicy policy;
  for (int i = 0; i < 100; ++i)
    policy.Observe(KindOf(Method::kPlain), 3, 3, absl::Milliseconds(i % 2 == 0 ? 8 : 12));
  ASSERT_TRUE(policy.PlainForwardTime(4).has_value());
  EXPECT_NEAR(absl::ToDoubleMilliseconds(*policy.PlainForwardTime(4)), 10.0, 0.5);
  EXPECT_FALSE(policy.PlainForwardTime(1).has_value());
}

}  // namespace
}  // namespace pass
