#include "core/train/divergence.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pass {
namespace {

// Sizes with and without a rest behind the vector loop.
class DivergenceTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(DivergenceTest, KernelEqualsAtenFormulation) {
  at::manual_seed(GetParam());
  const at::Tensor teacher = (4 * at::randn({3, GetParam()})).to(at::kBFloat16);
  const at::Tensor student = (4 * at::randn({4, GetParam()})).to(at::kBFloat16);
  const std::vector<DivergenceTask> tasks = {{0, 1.0F}, {2, 0.5F}, {1, 2.0F}, {2, 1.0F}};
  at::Tensor by_kernel = student.clone(), by_aten = student.to(at::kFloat);
  constexpr double kShare = 0.4;
  const std::vector<RowDivergence> kernel =
      DivergeInPlace(by_kernel, teacher, Summarise(teacher), tasks, kShare);
  const at::Tensor wide = teacher.to(at::kFloat);
  const std::vector<RowDivergence> aten = DivergeInPlace(by_aten, wide, Summarise(wide), tasks, kShare);
  for (size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_NEAR(kernel[i].kl, aten[i].kl, 1e-4 * (1 + aten[i].kl));
    EXPECT_NEAR(kernel[i].overlap, aten[i].overlap, 1e-4);
    EXPECT_EQ(kernel[i].top1, aten[i].top1);
  }
  EXPECT_LT((by_kernel.to(at::kFloat) - by_aten).abs().max().item().toDouble(), 5e-3);  // bf16 holds 8 bits
}

INSTANTIATE_TEST_SUITE_P(Sizes, DivergenceTest, ::testing::Values(5, 32, 77, 4099));

TEST(DivergenceTest, IsNothingForTheTeacherItself) {
  at::manual_seed(1);
  const at::Tensor teacher = at::randn({2, 100}).to(at::kBFloat16);
  at::Tensor student = teacher.clone();
  const std::vector<RowDivergence> rows =
      DivergeInPlace(student, teacher, Summarise(teacher), std::vector<DivergenceTask>{{0, 1.0F}, {1, 1.0F}},
                     /*overlap_share=*/0);
  for (const RowDivergence& row : rows) {
    EXPECT_NEAR(row.kl, 0, 1e-5);
    EXPECT_NEAR(row.overlap, 1, 1e-5);
    EXPECT_TRUE(row.top1);
  }
  EXPECT_EQ(student.abs().max().item().toDouble(), 0);
}

TEST(DivergenceTest, GradientIsThatOfFiniteDifferences) {
  at::manual_seed(2);
  const at::Tensor teacher = at::randn({1, 12}, at::kDouble), student = at::randn({1, 12}, at::kDouble);
  const std::vector<DivergenceTask> task = {{0, 1.0F}};
  for (const double share : {0.0, 0.3, 1.0}) {
    const auto loss = [&](const at::Tensor& logits) {
      at::Tensor scratch = logits.clone();
      const RowDivergence row = DivergeInPlace(scratch, teacher, Summarise(teacher), task, share)[0];
      return (1 - share) * row.kl - share * std::log(row.overlap);
    };
    at::Tensor gradient = student.clone();
    DivergeInPlace(gradient, teacher, Summarise(teacher), task, share);
    for (int i = 0; i < 12; ++i) {
      at::Tensor step = at::zeros_like(student);
      step[0][i] = 1e-6;
      const double difference = (loss(student + step) - loss(student - step)) / 2e-6;
      EXPECT_NEAR(gradient[0][i].item().toDouble(), difference, 1e-5) << "share " << share << ", token " << i;
    }
  }
}

TEST(DivergenceTest, LikelyTokensAreThoseOfAnyRow) {
  const at::Tensor logits = at::full({2, 6}, -20.0).to(at::kBFloat16);
  logits[0][1] = 5;
  logits[1][4] = 5;
  logits[1][5] = 4;
  EXPECT_EQ(LikelyTokens(logits, Summarise(logits), 0.05), (std::vector<int64_t>{1, 4, 5}));
}

}  // namespace
}  // namespace pass
