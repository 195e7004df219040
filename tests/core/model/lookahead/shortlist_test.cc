#include "core/model/lookahead/shortlist.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace pass {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// By sorting everything.
Shortlist Expected(std::span<const TokenId> ids, std::span<const float> scores, size_t count) {
  std::vector<size_t> order(ids.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) {
    return scores[a] > scores[b] || (scores[a] == scores[b] && ids[a] < ids[b]);
  });
  order.resize(std::min(count, order.size()));
  Shortlist best;
  for (const size_t i : order) {
    best.ids.push_back(ids[i]);
    best.scores.push_back(scores[i]);
  }
  return best;
}

TEST(BestTokens, AreThoseOfAFullSortWhateverTheSizeAndTheTies) {
  constexpr uint64_t kSeed = 3;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  std::mt19937_64 random(kSeed);
  for (const size_t size : {1u, 7u, 100u, 767u, 768u, 1000u, 5000u, 49152u}) {
    for (const int distinct : {1, 5, 300, 1000000}) {  // few values: many ties
      std::vector<TokenId> ids(size);
      std::iota(ids.begin(), ids.end(), 0);
      std::vector<float> scores(size);
      const int middle = distinct / 2;
      for (float& score : scores)
        score = static_cast<float>(static_cast<int>(random() % distinct) - middle) / 8;
      for (const int count : {1, 3, 128}) {
        const Shortlist expected = Expected(ids, scores, static_cast<size_t>(count));
        const absl::StatusOr<Shortlist> best = BestTokens(scores, count);
        ASSERT_TRUE(best.ok()) << best.status();
        ASSERT_EQ(best->ids, expected.ids) << size << " scores, best " << count;
        ASSERT_EQ(best->scores, expected.scores);
        std::vector<TokenId> shuffled = ids;
        std::ranges::shuffle(shuffled, random);
        const Shortlist listed = BestTokens(shuffled, scores, count);
        ASSERT_EQ(listed.ids, Expected(shuffled, scores, static_cast<size_t>(count)).ids);
      }
    }
  }
}

TEST(BestTokens, TakeTheTwoZerosForOne) {
  const std::vector<float> scores = {-1.0f, 0.0f, -0.0f, 0.0f};
  EXPECT_EQ(BestTokens(scores, 3)->ids, (std::vector<TokenId>{1, 2, 3}));
}

TEST(BestTokens, OfARowThatHoldsNoNumbersAreAnError) {
  std::vector<float> logits(1000, 1.0f);
  for (const float bad : {NAN, kInfinity}) {
    logits[777] = bad;
    ExpectRefused(BestTokens(logits, 8).status(), absl::StatusCode::kInternal, {"NaN or infinite"});
  }
  std::ranges::fill(logits, -kInfinity);
  ExpectRefused(BestTokens(logits, 8).status(), absl::StatusCode::kInternal, {"no logit is finite"});
  logits[5] = 2.0f;
  EXPECT_EQ(BestTokens(logits, 1)->ids, std::vector<TokenId>{5});
}

TEST(BestTokens, OfAListPutWhatIsNoNumberLast) {
  const std::vector<TokenId> ids = {9, 4, 7, 2, 5};
  const std::vector<float> scores = {NAN, 1.0f, -kInfinity, kInfinity, 3.0f};
  const Shortlist best = BestTokens(ids, scores, 5);
  EXPECT_EQ(best.ids, (std::vector<TokenId>{5, 4, 2, 7, 9}));
  for (const float score : best.scores) EXPECT_TRUE(std::isfinite(score));
}

}  // namespace
}  // namespace pass
