#include "core/language_model/read_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace pass {
namespace {

constexpr int kBest = 16;

Row RowThatWants(RowOutput output, const SamplingOptions& sampling) {
  return {.position = 7, .sampling = &sampling, .output = output};
}

// Coarse numbers, so that many tokens are equally likely, some of them at the edge of the best.
std::vector<float> CoarseLogits(int vocab, std::mt19937_64& random) {
  std::vector<float> logits(vocab);
  std::normal_distribution<float> normal(0, 3);
  for (float& logit : logits) logit = std::round(2 * normal(random)) / 2;
  return logits;
}

struct Best {
  std::vector<TokenId> ids;
  std::vector<float> logits;
};

// The best first, and of equals the lowest.
Best BestOf(const std::vector<float>& logits) {
  Best best;
  best.ids.resize(logits.size());
  std::iota(best.ids.begin(), best.ids.end(), 0);
  std::ranges::stable_sort(best.ids, [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  best.ids.resize(kBest);
  for (const TokenId id : best.ids) best.logits.push_back(logits[id]);
  return best;
}

std::vector<SamplingOptions> OptionsThatTheBestDecide() {
  std::vector<SamplingOptions> all = {{.temperature = 0}};
  for (const int top_k : {1, 3, kBest}) {
    for (const double top_p : {1.0, 0.9, 0.4}) {
      for (const double min_p : {0.0, 0.2}) {
        all.push_back({.temperature = 0.8, .top_k = top_k, .top_p = top_p, .min_p = min_p, .seed = 11});
      }
    }
  }
  return all;
}

TEST(ReadOut, GivesTheSameFromTheBestTokensAsFromAll) {
  const uint64_t seed = 5;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    const std::vector<float> logits = CoarseLogits(90, random);
    const Best best = BestOf(logits);
    for (SamplingOptions sampling : OptionsThatTheBestDecide()) {
      sampling.seed += round;
      for (const RowOutput output : {RowOutput::kToken, RowOutput::kDistribution}) {
        const Row row = RowThatWants(output, sampling);
        ASSERT_TRUE(BestTokensSuffice(row, kBest));
        const RowResult expected = ReadOut(logits, row), result = ReadOut(best.ids, best.logits, row);
        ASSERT_TRUE(result.status.ok());
        EXPECT_EQ(result.token, expected.token) << "top_k " << sampling.top_k;
        EXPECT_EQ(result.distribution.ids, expected.distribution.ids) << "top_k " << sampling.top_k;
        EXPECT_EQ(result.distribution.probabilities, expected.distribution.probabilities);
      }
    }
  }
}

TEST(ReadOut, NeedsAllTokensForDrawsThatMoreMayTakePartIn) {
  for (const SamplingOptions& sampling :
       {SamplingOptions{}, SamplingOptions{.top_k = kBest + 1}, SamplingOptions{.top_p = 0.5}}) {
    EXPECT_FALSE(BestTokensSuffice(RowThatWants(RowOutput::kToken, sampling), kBest));
    EXPECT_FALSE(BestTokensSuffice(RowThatWants(RowOutput::kDistribution, sampling), kBest));
    EXPECT_TRUE(BestTokensSuffice(RowThatWants(RowOutput::kShortlist, sampling), kBest));
  }
}

}  // namespace
}  // namespace pass
