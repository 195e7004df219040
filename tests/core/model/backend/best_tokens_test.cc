#include "core/model/backend/best_tokens.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <span>

namespace pass {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::span<const float> RowOf(const at::Tensor& logits, int64_t row) {
  return {logits.data_ptr<float>() + row * logits.size(1), static_cast<size_t>(logits.size(1))};
}

absl::StatusOr<Shortlist> BestByKeys(const at::Tensor& keys, int64_t row) {
  const auto width = static_cast<size_t>(keys.size(1));
  return BestOfKeys({keys.data_ptr<int64_t>() + row * keys.size(1), width});
}

TEST(BestKeys, SayWhatTheHostFindsWithManyTies) {
  at::manual_seed(3);
  for (const int64_t vocab : {5, 300, 4000}) {
    // Both zeros, and numbers that bf16 cannot tell apart.
    const at::Tensor logits = at::mul(at::round(at::randn({9, vocab})), 0.5).to(at::kBFloat16);
    const at::Tensor keys = BestKeys(logits, 128, /*softcap=*/0), wide = logits.to(at::kFloat);
    for (int64_t row = 0; row < 9; ++row) {
      const Shortlist expected = *BestTokens(RowOf(wide, row), 128);
      const auto best = BestByKeys(keys, row);
      ASSERT_TRUE(best.ok()) << best.status();
      EXPECT_EQ(best->ids, expected.ids) << "row " << row << " of " << vocab;
      EXPECT_EQ(best->scores, expected.scores);
    }
  }
}

TEST(BestKeys, CapScores) {
  const at::Tensor logits = at::tensor({-400.0f, 3.0f, 80.0f}).unsqueeze(0);
  const Shortlist best = *BestByKeys(BestKeys(logits, 3, /*softcap=*/30), 0);
  EXPECT_EQ(best.ids, (std::vector<TokenId>{2, 1, 0}));
  EXPECT_NEAR(best.scores[0], 30 * std::tanh(80.0 / 30), 1e-4);
  EXPECT_NEAR(best.scores[2], -30, 1e-4);
}

TEST(BestKeys, AreRefusedOfRowsThatAreNoNumbers) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const at::Tensor logits = at::tensor({1.0f, nan, 1.0f, std::copysign(nan, -1.0f), 1.0f, kInfinity,
                                        -kInfinity, -kInfinity, 1.0f, -kInfinity})
                                .view({5, 2});
  const at::Tensor keys = BestKeys(logits, 2, /*softcap=*/0);
  for (int64_t row = 0; row < 4; ++row) {
    EXPECT_EQ(BestByKeys(keys, row).status().code(), absl::StatusCode::kInternal) << row;
    EXPECT_EQ(BestTokens(RowOf(logits, row), 2).status().code(), absl::StatusCode::kInternal) << row;
  }
  EXPECT_TRUE(BestByKeys(keys, 4).ok());
}

}  // namespace
}  // namespace pass
