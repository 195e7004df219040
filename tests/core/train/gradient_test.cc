// Gradients of a window against finite differences, and what may not influence what.
#include <gtest/gtest.h>

#include "core/train/window_step.h"
#include "tests/core/train/train_rig.h"

namespace pass {
namespace {

using testing::MakeFrozenModel;
using testing::MakeParameters;
using testing::MakeWindow;

constexpr ParameterSizes kSizes{.lookahead = 3, .adapter_rank = 2, .head_hidden = 8};

LossOptions AllOfTheVocabulary() { return {.least_likely = 0, .vocabulary_every = 1, .recurrent_steps = 2}; }

class GradientTest : public ::testing::TestWithParam<ModelConfig> {};

INSTANTIATE_TEST_SUITE_P(, GradientTest,
                         ::testing::Values(testing::TinyConfig(), testing::SandwichConfig(),
                                           testing::ScaledConfig(), testing::PostNormConfig()),
                         [](const auto& test) { return test.param.architecture; });

TEST_P(GradientTest, EqualsFiniteDifferencesInEveryTensor) {
  const FrozenModel model = MakeFrozenModel(at::kDouble, GetParam());
  LookaheadParameters parameters = MakeParameters(model, kSizes, at::kDouble);
  const std::vector<TokenId> window = MakeWindow(12, 1);
  const std::vector<GroupRow> rows = PlanGroups({.lookahead = 3, .anchors = 5, .window = 12}, 2);
  const WindowResult result =
      ComputeWindow(model, window, rows, parameters, AllOfTheVocabulary(), /*seed=*/4);
  const auto loss = [&] {
    return ComputeWindow(model, window, rows, parameters, AllOfTheVocabulary(), 4).loss;
  };

  const auto named = parameters.Named();
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < named.size(); ++i) {
    ASSERT_TRUE(result.gradients[i].defined()) << named[i].first;
    at::Tensor values = named[i].second.detach();
    for (const int64_t at : {int64_t{0}, values.numel() / 2, values.numel() - 1}) {
      double* value = values.data_ptr<double>() + at;
      const double before = *value;
      *value = before + kStep;
      const double above = loss();
      *value = before - kStep;
      const double below = loss();
      *value = before;
      const double expected = (above - below) / (2 * kStep);
      const double actual = result.gradients[i].contiguous().data_ptr<double>()[at];
      EXPECT_NEAR(actual, expected, 1e-5 + 1e-4 * std::abs(expected)) << named[i].first << " at " << at;
    }
  }
}

TEST(LeakageTest, ALaterTokenChangesNoEarlierRow) {
  const FrozenModel model = MakeFrozenModel(at::kDouble);
  const LookaheadParameters parameters = MakeParameters(model, kSizes, at::kDouble);
  const std::vector<GroupRow> rows = GroupsBehindAll(2, 8, 3);
  std::vector<TokenId> window = MakeWindow(16, 1);
  const at::Tensor before = model.LookaheadRows(model.Teach(window), rows, parameters);
  constexpr int kChanged = 6;
  window[kChanged] = (window[kChanged] + 1) % 96;
  const at::Tensor after = model.LookaheadRows(model.Teach(window), rows, parameters);
  for (size_t i = 0; i < rows.size(); ++i) {
    const double change = (before[i] - after[i]).abs().max().item().toDouble();
    if (rows[i].anchor < kChanged) {
      EXPECT_LT(change, 1e-12) << "anchor " << rows[i].anchor << ", LA_" << rows[i].k;
    } else {
      EXPECT_GT(change, 1e-6) << "anchor " << rows[i].anchor << ", LA_" << rows[i].k;
    }
  }
}

TEST(LeakageTest, AGroupIsTheSameAloneAndBesideOthers) {
  const FrozenModel model = MakeFrozenModel(at::kDouble);
  const LookaheadParameters parameters = MakeParameters(model, kSizes, at::kDouble);
  const std::vector<TokenId> window = MakeWindow(16, 1);
  const Teacher teacher = model.Teach(window);
  const std::vector<GroupRow> all = GroupsBehindAll(1, 12, 3);
  const at::Tensor together = model.LookaheadRows(teacher, all, parameters);
  for (int anchor = 1; anchor <= 12; ++anchor) {
    const at::Tensor alone = model.LookaheadRows(teacher, GroupsBehindAll(anchor, anchor, 3), parameters);
    const at::Tensor beside = together.narrow(0, 3 * (anchor - 1), 3);
    EXPECT_LT((alone - beside).abs().max().item().toDouble(), 1e-12) << "anchor " << anchor;
  }
}

TEST(LeakageTest, ALaterLookaheadTokenChangesNoEarlierRowOfItsGroup) {
  const FrozenModel model = MakeFrozenModel(at::kDouble);
  const LookaheadParameters parameters = MakeParameters(model, kSizes, at::kDouble);
  const std::vector<TokenId> window = MakeWindow(16, 1);
  const Teacher teacher = model.Teach(window);
  const std::vector<GroupRow> rows = GroupsBehindAll(4, 4, 3);
  const at::Tensor before = model.LookaheadRows(teacher, rows, parameters);
  parameters.embeddings.detach()[2].add_(1.0);
  const at::Tensor change = (model.LookaheadRows(teacher, rows, parameters) - before).abs().amax(1);
  EXPECT_LT(change[0].item().toDouble(), 1e-12);
  EXPECT_LT(change[1].item().toDouble(), 1e-12);
  EXPECT_GT(change[2].item().toDouble(), 1e-6);
}

}  // namespace
}  // namespace pass
