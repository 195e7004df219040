#include "core/decode/accept.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "core/sampling/filters.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

TEST(Accept, KeepsADraftWithTheProbabilityOfTheRatio) {
  EXPECT_TRUE(Accept(/*u=*/0.0, /*p=*/0.1, /*q=*/0.4));
  EXPECT_TRUE(Accept(/*u=*/0.2499, /*p=*/0.1, /*q=*/0.4));
  EXPECT_FALSE(Accept(/*u=*/0.2501, /*p=*/0.1, /*q=*/0.4));
}

TEST(Accept, AlwaysKeepsADraftThatTheTargetLikesAtLeastAsMuch) {
  const double largest_u = 1.0 - 0x1p-32;
  EXPECT_TRUE(Accept(largest_u, /*p=*/0.4, /*q=*/0.4));
  EXPECT_TRUE(Accept(largest_u, /*p=*/0.5, /*q=*/0.4));
}

TEST(Accept, NeverKeepsADraftThatTheTargetExcludes) { EXPECT_FALSE(Accept(/*u=*/0.0, /*p=*/0.0, /*q=*/0.4)); }

TEST(Residual, IsTheNormalisedPositivePartOverTheWholeSupportOfP) {
  const Distribution p{.ids = {0, 1, 3, 7}, .probabilities = {0.5f, 0.25f, 0.125f, 0.125f}};
  const Distribution q{.ids = {0, 2, 3}, .probabilities = {0.25f, 0.25f, 0.5f}};
  const Distribution residual = Residual(p, q);
  EXPECT_THAT(residual.ids, ElementsAre(0, 1, 7));
  EXPECT_THAT(residual.probabilities, ElementsAre(FloatEq(0.4f), FloatEq(0.4f), FloatEq(0.2f)));
}

TEST(Residual, IsPItselfWhereNothingIsLeft) {
  const Distribution p{.ids = {4, 5}, .probabilities = {0.5f, 0.5f}};
  const Distribution residual = Residual(p, p);
  EXPECT_EQ(residual.ids, p.ids);
  EXPECT_EQ(residual.probabilities, p.probabilities);
}

TEST(Residual, MakesUpExactlyForWhatAcceptanceLeavesOut) {
  const unsigned seed = 1618;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 2.0f);
  for (int round = 0; round < 500; ++round) {
    std::vector<float> target(20);
    std::vector<float> draft(20);
    for (float& logit : target) logit = normal(random);
    for (float& logit : draft) logit = normal(random);
    const Distribution p = Filter(target, {.top_k = static_cast<int>(1 + random() % 20)}).value();
    const Distribution q = Filter(draft, {.top_k = static_cast<int>(1 + random() % 20)}).value();
    const Distribution residual = Residual(p, q);
    double rejected = 1.0;
    for (TokenId id = 0; id < 20; ++id) rejected -= std::min(p.ProbabilityOf(id), q.ProbabilityOf(id));
    for (TokenId id = 0; id < 20; ++id) {
      EXPECT_NEAR(std::min(p.ProbabilityOf(id), q.ProbabilityOf(id)) + rejected * residual.ProbabilityOf(id),
                  p.ProbabilityOf(id), 1e-6);
    }
  }
}

}  // namespace
}  // namespace pass
