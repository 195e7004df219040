#include "core/sampling/draft_rank.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "core/sampling/draw.h"
#include "core/sampling/filters.h"

namespace pass {
namespace {

TEST(DraftRank, IsTheOrderOfTheProbabilitiesWithoutNoise) {
  const Distribution q{.ids = {3, 5, 9}, .probabilities = {0.2F, 0.7F, 0.1F}};
  const std::vector<RankedDraft> drafts = RankDrafts(q, nullptr, /*position=*/4);
  ASSERT_EQ(drafts.size(), 3U);
  EXPECT_EQ(drafts[0].token, 5);
  EXPECT_EQ(drafts[1].token, 3);
  EXPECT_EQ(drafts[2].token, 9);
  EXPECT_NEAR(std::exp(drafts[0].log_probability), 0.7, 1e-6);
}

// An estimate that is wrong by random factors: a guess that knows the draw's noise is right more often than the likeliest
// token is, and than one that knows the noise of another position.
TEST(DraftRank, KnowsTheNoiseOfTheDraw) {
  const unsigned seed = 815;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  int ranked = 0, likeliest = 0, other_noise = 0;
  constexpr int kRounds = 2000;
  for (int position = 0; position < kRounds; ++position) {
    std::vector<float> logits(12), wrong(12);
    for (size_t i = 0; i < logits.size(); ++i) {
      logits[i] = 1.5F * normal(random);
      wrong[i] = logits[i] + 0.7F * normal(random);
    }
    const Noise noise(/*seed=*/7, /*choice=*/0);
    const Distribution q = Filter(wrong, {}).value();
    const TokenId drawn = Draw(Filter(logits, {}).value(), noise, position, /*base=*/0, Purpose::kTarget);
    ranked += RankDrafts(q, &noise, position)[0].token == drawn;
    other_noise += RankDrafts(q, &noise, position + kRounds)[0].token == drawn;
    likeliest += RankDrafts(q, nullptr, position)[0].token == drawn;
  }
  EXPECT_GT(ranked, likeliest + kRounds / 10);
  EXPECT_GT(ranked, other_noise + kRounds / 10);
}

}  // namespace
}  // namespace pass
