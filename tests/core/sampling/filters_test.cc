#include "core/sampling/filters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Logits of these weights.
std::vector<float> LogitsOf(std::initializer_list<double> weights) {
  std::vector<float> logits;
  for (double weight : weights) logits.push_back(static_cast<float>(std::log(weight)));
  return logits;
}

Distribution Filtered(std::initializer_list<double> weights, const SamplingOptions& options) {
  return Filter(LogitsOf(weights), options).value();
}

MATCHER_P(ProbabilitiesAre, expected, "") {
  return ExplainMatchResult(Pointwise(FloatNear(1e-6f), expected), arg.probabilities, result_listener);
}

TEST(Filter, IsTheSoftmaxWithoutFilters) {
  const Distribution all = Filtered({1, 2, 5}, {});
  EXPECT_THAT(all.ids, ElementsAre(0, 1, 2));
  EXPECT_THAT(all, ProbabilitiesAre(std::vector<float>{0.125f, 0.25f, 0.625f}));
}

TEST(Filter, DividesLogitsByTheTemperature) {
  EXPECT_THAT(Filtered({1, 2, 3}, {.temperature = 0.5}),
              ProbabilitiesAre(std::vector<float>{1 / 14.f, 4 / 14.f, 9 / 14.f}));
}

TEST(Filter, IsOneTokenWhenGreedyAndTheLowestIdOnTies) {
  const Distribution greedy = Filtered({1, 3, 3, 2}, {.temperature = 0, .top_k = 3});
  EXPECT_THAT(greedy.ids, ElementsAre(1));
  EXPECT_THAT(greedy.probabilities, ElementsAre(1.0f));
}

TEST(Filter, KeepsTheKLikeliestAndTheLowestIdsOnTies) {
  EXPECT_THAT(Filtered({2, 5, 2, 2, 4}, {.top_k = 3}).ids, ElementsAre(0, 1, 4));
  EXPECT_THAT(Filtered({2, 5, 2, 2, 4}, {.top_k = 3}),
              ProbabilitiesAre(std::vector<float>{2 / 11.f, 5 / 11.f, 4 / 11.f}));
  EXPECT_THAT(Filtered({2, 5, 2}, {.top_k = 3}).ids, ElementsAre(0, 1, 2));
  EXPECT_THAT(Filtered({2, 5, 2}, {.top_k = 1000}).ids, ElementsAre(0, 1, 2));
}

TEST(Filter, KeepsTheSmallestSetThatReachesTopPAndTheLowestIdsOnTies) {
  EXPECT_THAT(Filtered({3, 3, 3, 3}, {.top_p = 0.5}).ids, ElementsAre(0, 1));  // reached exactly
  EXPECT_THAT(Filtered({1, 6, 1, 2}, {.top_p = 0.59}).ids, ElementsAre(1));
  EXPECT_THAT(Filtered({1, 6, 1, 2}, {.top_p = 0.61}).ids, ElementsAre(1, 3));
  EXPECT_THAT(Filtered({1, 6, 1, 2}, {.top_p = 0.85}).ids, ElementsAre(0, 1, 3));
  EXPECT_THAT(Filtered({1, 6, 1, 2}, {.top_p = 0.95}).ids, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Filtered({1, 6, 1, 2}, {.top_p = 1e-9}).ids, ElementsAre(1));
}

TEST(Filter, DropsWhatIsLessLikelyThanMinPTimesTheLikeliest) {
  EXPECT_THAT(Filtered({1, 10, 3, 5}, {.min_p = 0.29}).ids, ElementsAre(1, 2, 3));
  EXPECT_THAT(Filtered({1, 10, 3, 5}, {.min_p = 0.31}).ids, ElementsAre(1, 3));
  EXPECT_THAT(Filtered({10, 1, 10}, {.min_p = 1}).ids, ElementsAre(0, 2));
}

TEST(Filter, AppliesEachFilterToWhatTheOneBeforeLeft) {
  // Of all: 0.4 0.3 0.2 0.1. Of the two likeliest: 4/7 and 3/7, so 0.5 is reached by the first one alone.
  EXPECT_THAT(Filtered({4, 3, 2, 1}, {.top_p = 0.5}).ids, ElementsAre(0, 1));
  EXPECT_THAT(Filtered({4, 3, 2, 1}, {.top_k = 2, .top_p = 0.5}).ids, ElementsAre(0));
  // The temperature comes first: squared weights are 16 9 4 1 of 30.
  EXPECT_THAT(Filtered({4, 3, 2, 1}, {.temperature = 0.5, .top_p = 0.5}).ids, ElementsAre(0));
  EXPECT_THAT(Filtered({4, 3, 2, 1}, {.temperature = 0.5, .min_p = 0.3}).ids, ElementsAre(0, 1));
}

TEST(Filter, LeavesOutWhatHasNoProbability) {
  EXPECT_THAT(Filter(std::vector<float>{0, -kInfinity, -1, -200}, {})->ids, ElementsAre(0, 2));
  EXPECT_THAT(Filter(std::vector<float>{-kInfinity, 1}, {.top_k = 1})->ids, ElementsAre(1));
  EXPECT_THAT(Filter(std::vector<float>{-kInfinity, 1, -kInfinity}, {.top_k = 2})->ids, ElementsAre(1));
}

TEST(Filter, RefusesLogitsThatAreNotNumbers) {
  for (size_t size : {1u, 5u, 16u, 40u}) {
    for (size_t bad = 0; bad < size; ++bad) {
      for (float value : {kNan, kInfinity}) {
        std::vector<float> logits(size, 1.0f);
        logits[bad] = value;
        EXPECT_EQ(Filter(logits, {}).status().code(), absl::StatusCode::kInternal);
        EXPECT_EQ(Argmax(logits).status().code(), absl::StatusCode::kInternal);
      }
    }
  }
  EXPECT_EQ(Filter(std::vector<float>(20, -kInfinity), {}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Filter(std::vector<float>(), {}).status().code(), absl::StatusCode::kInternal);
}

// The same definition with a full sort.
std::vector<TokenId> SortedReference(const std::vector<float>& logits, const SamplingOptions& options) {
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return logits[a] > logits[b]; });
  if (options.greedy()) return {order[0]};
  if (options.top_k > 0 && options.top_k < static_cast<int>(order.size())) order.resize(options.top_k);
  const auto weight = [&](TokenId id) {
    return std::exp((logits[id] - logits[order[0]]) / options.temperature);
  };
  double total = 0;
  for (TokenId id : order) total += weight(id);
  double sum = 0;
  size_t kept = 0;
  while (kept < order.size() && (options.top_p >= 1 || sum < options.top_p * total))
    sum += weight(order[kept++]);
  order.resize(kept);
  std::erase_if(order, [&](TokenId id) { return weight(id) < options.min_p; });
  std::sort(order.begin(), order.end());
  return order;
}

// Coarse steps, so that ties are common.
std::vector<float> CoarseLogits(std::mt19937& random, size_t size) {
  std::vector<float> logits(size);
  for (float& logit : logits) logit = static_cast<float>(random() % 24) * 0.3f;
  return logits;
}

SamplingOptions RandomOptions(std::mt19937& random) {
  return {.temperature = random() % 8 == 0 ? 0.0 : 0.3 + static_cast<double>(random() % 20) / 10,
          .top_k = static_cast<int>(random() % 2 * (random() % 100)),
          .top_p = random() % 2 ? 1.0 : 0.0137 + static_cast<double>(random() % 98) / 100,
          .min_p = random() % 2 ? 0.0 : static_cast<double>(random() % 100) / 333};
}

TEST(Filter, EqualsAFullSortOnRandomLogits) {
  const unsigned seed = 20231122;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::vector<float> logits = CoarseLogits(random, 1 + random() % 300);
    const SamplingOptions options = RandomOptions(random);
    const Distribution filtered = Filter(logits, options).value();
    EXPECT_EQ(filtered.ids, SortedReference(logits, options)) << "round " << round;
    double sum = 0;
    for (float probability : filtered.probabilities) {
      EXPECT_GT(probability, 0);
      sum += probability;
    }
    EXPECT_NEAR(sum, 1.0, 1e-5);
  }
}

TEST(FilterOfAList, EqualsTheDenseOneWhenTheListIsTheWholeVocabulary) {
  const unsigned seed = 271828;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const std::vector<float> logits = CoarseLogits(random, 1 + random() % 300);
    std::vector<TokenId> ids(logits.size());
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), random);
    std::vector<float> listed;
    for (TokenId id : ids) listed.push_back(logits[id]);
    const SamplingOptions options = RandomOptions(random);
    const Distribution dense = Filter(logits, options).value();
    const Distribution sparse = Filter(ids, listed, options).value();
    EXPECT_EQ(sparse.ids, dense.ids) << "round " << round;
    EXPECT_EQ(sparse.probabilities, dense.probabilities) << "round " << round;
  }
}

TEST(FilterOfAList, EqualsTheDenseOneWithEverythingElseExcluded) {
  const unsigned seed = 314159;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 500; ++round) {
    const size_t vocab_size = 2 + random() % 300;
    std::vector<TokenId> ids(vocab_size);
    std::iota(ids.begin(), ids.end(), 0);
    std::shuffle(ids.begin(), ids.end(), random);
    ids.resize(1 + random() % (vocab_size - 1));
    const std::vector<float> listed = CoarseLogits(random, ids.size());
    std::vector<float> logits(vocab_size, -kInfinity);
    for (size_t i = 0; i < ids.size(); ++i) logits[ids[i]] = listed[i];
    const SamplingOptions options = RandomOptions(random);
    const Distribution dense = Filter(logits, options).value();
    const Distribution sparse = Filter(ids, listed, options).value();
    EXPECT_EQ(sparse.ids, dense.ids) << "round " << round;
    EXPECT_THAT(sparse, ProbabilitiesAre(dense.probabilities)) << "round " << round;
  }
}

TEST(FilterOfAList, IsTheLowestIdOnTiesWhateverTheOrder) {
  const std::vector<TokenId> ids = {70, 9, 40};
  EXPECT_THAT(Filter(ids, std::vector<float>{-1, -1, -2}, {.temperature = 0})->ids, ElementsAre(9));
  EXPECT_THAT(Filter(ids, std::vector<float>{-1, -2, -2}, {.top_k = 2})->ids, ElementsAre(9, 70));
}

TEST(FilterOfAList, RefusesNumbersThatAreNone) {
  const std::vector<TokenId> ids = {3, 1};
  EXPECT_EQ(Filter(ids, std::vector<float>{0, kNan}, {}).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Filter(std::vector<TokenId>(), std::vector<float>(), {}).status().code(),
            absl::StatusCode::kInternal);
}

TEST(Distribution, KnowsTheProbabilityOfListedAndUnlistedTokens) {
  const Distribution distribution{.ids = {2, 5, 9}, .probabilities = {0.5f, 0.25f, 0.25f}};
  EXPECT_EQ(distribution.ProbabilityOf(2), 0.5f);
  EXPECT_EQ(distribution.ProbabilityOf(9), 0.25f);
  for (TokenId absent : {0, 3, 10}) EXPECT_EQ(distribution.ProbabilityOf(absent), 0.0f);
}

}  // namespace
}  // namespace pass
