#include "core/sampling/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "core/sampling/filters.h"
#include "tests/support/chi_square.h"

namespace pass {
namespace {

std::vector<float> RandomRow(std::mt19937& random, size_t size, float spread) {
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

SamplingOptions RandomOptions(std::mt19937& random) {
  return {.temperature = static_cast<double>(random() % 20) / 10,
          .top_k = static_cast<int>(random() % 3 * (random() % 50)),
          .top_p = random() % 2 ? 1.0 : 0.5 + static_cast<double>(random() % 50) / 100,
          .min_p = random() % 2 ? 0.0 : 0.05,
          .seed = random(),
          .choice = static_cast<uint32_t>(random() % 3)};
}

TEST(Draw, TakesTheLargestSumOfLogProbabilityAndGumbelOnRandomDistributions) {
  const unsigned seed = 4711;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 400; ++round) {
    const std::vector<float> logits = RandomRow(random, 1 + random() % 1000, round % 2 ? 0.1f : 6.0f);
    const Distribution distribution = Filter(logits, {}).value();
    const Noise noise(random(), 0);
    TokenId expected = -1;
    double best = -std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < distribution.ids.size(); ++i) {
      const double score = std::log(double{distribution.probabilities[i]}) +
                           noise.Gumbel(round, 3, Purpose::kDraft, distribution.ids[i]);
      if (score > best) {
        best = score;
        expected = distribution.ids[i];
      }
    }
    EXPECT_EQ(Draw(distribution, noise, round, 3, Purpose::kDraft), expected) << "round " << round;
  }
}

TEST(Draw, ComesOutAsOftenAsTheProbabilitiesSay) {
  const std::vector<float> logits = {0.0f, 1.0f, -3.0f, 0.5f, -1.0f, 2.0f};
  const Distribution distribution = Filter(logits, {}).value();
  const std::vector<double> expected(distribution.probabilities.begin(), distribution.probabilities.end());
  std::vector<int64_t> by_seed(logits.size());
  std::vector<int64_t> by_position(logits.size());
  for (int i = 0; i < 100'000; ++i) {
    ++by_seed[Draw(distribution, Noise(i, 0), /*position=*/7, /*base=*/0, Purpose::kTarget)];
    ++by_position[Draw(distribution, Noise(1, 0), /*position=*/i, /*base=*/0, Purpose::kTarget)];
  }
  EXPECT_LT(ChiSquareDeviation(by_seed, expected), kChiSquareLimit);
  EXPECT_LT(ChiSquareDeviation(by_position, expected), kChiSquareLimit);
  // The same counts against other probabilities: the test would notice.
  const Distribution other = Filter(std::vector<float>{0.0f, 1.0f, -3.0f, 0.5f, -1.0f, 2.1f}, {}).value();
  EXPECT_GT(ChiSquareDeviation(by_seed,
                               std::vector<double>(other.probabilities.begin(), other.probabilities.end())),
            kChiSquareLimit);
}

TEST(Draw, DoesNotDependOnTokensThatWereFilteredAway) {
  // The noise belongs to the token's id, so a winner that survives a filter wins again.
  const unsigned seed = 99;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int position = 0; position < 300; ++position) {
    const std::vector<float> logits = RandomRow(random, 50, 2.0f);
    const TokenId winner = DrawTarget(logits, {.seed = 5}, position).value();
    const SamplingOptions filtered{.top_k = 20, .seed = 5};
    if (Filter(logits, filtered)->ProbabilityOf(winner) > 0) {
      EXPECT_EQ(DrawTarget(logits, filtered, position).value(), winner);
    }
  }
}

TEST(DrawTarget, IsTheDrawFromTheFilteredDistribution) {
  const unsigned seed = 31337;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int position = 0; position < 500; ++position) {
    const std::vector<float> logits = RandomRow(random, 1 + random() % 400, 3.0f);
    const SamplingOptions options = RandomOptions(random);
    ASSERT_TRUE(options.Validate().empty());
    EXPECT_EQ(DrawTarget(logits, options, position).value(),
              Draw(Filter(logits, options).value(), Noise(options.seed, options.choice), position, /*base=*/0,
                   Purpose::kTarget));
  }
}

TEST(DrawTarget, IsTheArgmaxWhenGreedyWhateverTheSeed) {
  const std::vector<float> logits = {1.0f, 4.0f, 4.0f, -2.0f};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(DrawTarget(logits, {.temperature = 0, .seed = seed}, /*position=*/3).value(), 1);
  }
}

TEST(DrawTarget, RefusesLogitsThatAreNotNumbers) {
  const std::vector<float> logits = {1.0f, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(DrawTarget(logits, {}, 0).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(DrawTarget(logits, {.temperature = 0}, 0).status().code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace pass
