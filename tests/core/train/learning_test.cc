// That learning works, and that what is learned is what the server computes with.
#include <gtest/gtest.h>

#include <array>

#include "core/train/optimizer.h"
#include "core/train/window_step.h"
#include "tests/core/train/train_rig.h"

namespace pass {
namespace {

using testing::MakeFrozenModel;
using testing::MakeRandomModel;
using testing::MakeWindow;

TEST(LearningTest, DivergenceFallsOnATinyModel) {
  const FrozenModel model = MakeFrozenModel(at::kFloat);
  Optimizer optimizer(
      InitialParameters(model.config(), {.lookahead = 2, .adapter_rank = 4, .head_hidden = 32},
                        model.tensors(), /*seed=*/1),
      {.warm_up_steps = 2});
  double first = 0, last = 0;
  constexpr int kSteps = 60;
  for (int step = 0; step < kSteps; ++step) {
    const LookaheadParameters leaves = optimizer.parameters().Leaves(at::kFloat);
    const std::vector<TokenId> window = MakeWindow(24, step % 4);
    const std::vector<GroupRow> rows = PlanGroups({.lookahead = 2, .anchors = 20, .window = 24}, step);
    const WindowResult result = ComputeWindow(model, window, rows, leaves, {.recurrent_steps = 1}, step);
    if (step < 4) first += result.loss;
    if (step >= kSteps - 4) last += result.loss;
    optimizer.Step(result.gradients, static_cast<double>(step) / kSteps);
  }
  EXPECT_LT(last, 0.7 * first);
}

TEST(LearningTest, AGradientThatIsNoNumberChangesNothing) {
  const FrozenModel model = MakeFrozenModel(at::kFloat);
  Optimizer optimizer(InitialParameters(model.config(), {.lookahead = 2, .adapter_rank = 0, .head_hidden = 0},
                                        model.tensors(), 1),
                      {});
  const at::Tensor before = optimizer.parameters().embeddings.clone();
  EXPECT_FALSE(std::isfinite(optimizer.Step({at::full_like(before, NAN)}, 0)));
  EXPECT_TRUE(before.equal(optimizer.parameters().embeddings));
  EXPECT_EQ(optimizer.steps(), 0);
}

// Rows with adapter, head and recurrent step: the trainer's differentiable formulation against the server's.
class OfEveryFamily : public ::testing::TestWithParam<ModelConfig> {};

TEST_P(OfEveryFamily, RowsAndProposalsAreThoseOfTheServedModel) {
  const ModelConfig& config = GetParam();
  const testing::RandomLookahead sizes{.count = 3, .rank = 4, .hidden = 16};
  const std::unique_ptr<Transformer> served =
      MakeRandomModel(config, ComputeType::kFp32, testing::kModelSeed, sizes);
  const LookaheadTokens file = testing::MakeRandomLookahead(config, sizes, testing::kModelSeed + 1);
  const FrozenModel model = MakeFrozenModel(at::kFloat, config);
  LookaheadParameters parameters =
      InitialParameters(config, {.lookahead = 3, .adapter_rank = 4, .head_hidden = 16}, model.tensors(), 0);
  ASSERT_TRUE(TakeOver(file, config, parameters).ok());

  const std::vector<TokenId> window = MakeWindow(20, 9);
  const SamplingOptions greedy{.temperature = 0};
  const absl::StatusOr<SequenceId> id = served->Open(64);
  ASSERT_TRUE(id.ok());
  std::vector<Row> rows;
  for (int i = 0; i < 20; ++i) {
    rows.push_back(
        {.sequence = *id, .token = window[i], .position = i, .parent = i == 0 ? kCommittedPrefix : i - 1});
  }
  constexpr int kAnchor = 12;
  for (int k = 1; k <= 3; ++k) {
    rows.push_back({.sequence = *id,
                    .lookahead = k,
                    .position = kAnchor + k,
                    .parent = k == 1 ? kAnchor : static_cast<int>(rows.size()) - 1,
                    .sampling = &greedy,
                    .output = RowOutput::kShortlist});
  }
  const absl::StatusOr<at::Tensor> logits = served->ForwardLogits(rows);
  ASSERT_TRUE(logits.ok());
  const Teacher teacher = model.Teach(window);
  EXPECT_LT((logits->narrow(0, 0, 20) - teacher.logits).abs().max().item().toDouble(), 2e-3);
  const at::Tensor states =
      model.LookaheadRows(teacher, GroupsBehindAll(kAnchor, kAnchor, 3), parameters).detach();
  at::Tensor row_logits = at::linear(states, model.tensors().lm_head);
  if (config.logits_softcap > 0) {
    row_logits = at::tanh(row_logits / config.logits_softcap) * config.logits_softcap;
  }
  EXPECT_LT((logits->narrow(0, 20, 3) - row_logits).abs().max().item().toDouble(), 2e-3);

  const auto results = served->Forward(rows);
  ASSERT_TRUE(results.ok());
  const auto proposals =
      served->Propose(std::vector<ProposalRequest>{{*id, (*results)[20].drafts, window[13]}});
  ASSERT_TRUE(proposals.ok());
  const auto expect_same = [&](const Proposal& proposal, const at::Tensor& state) {
    const at::Tensor all = at::linear(state, model.tensors().lm_head).detach();
    for (size_t i = 1; i < proposal.ids.size(); ++i) {
      const double expected =
          all[0][proposal.ids[i]].item().toDouble() - all[0][proposal.ids[0]].item().toDouble();
      EXPECT_NEAR(proposal.log_probabilities[i] - proposal.log_probabilities[0], expected, 2e-3);
    }
  };
  const at::Tensor first =
      model.HeadStep(states.narrow(0, 0, 1), at::tensor({int64_t{window[13]}}), parameters);
  expect_same(proposals->front(), first);
  // The recurrent step after the likeliest token.
  const TokenId drafted = proposals->front().ids[0];
  const auto deeper = served->Propose(std::vector<ProposalRequest>{{*id, proposals->front().next, drafted}});
  ASSERT_TRUE(deeper.ok());
  expect_same(deeper->front(), model.HeadStep(first, at::tensor({int64_t{drafted}}), parameters));
}

INSTANTIATE_TEST_SUITE_P(LearningTest, OfEveryFamily,
                         ::testing::Values(testing::TinyConfig(), testing::SandwichConfig(),
                                           testing::ScaledConfig(), testing::PostNormConfig()),
                         [](const auto& test) { return test.param.architecture; });

TEST(LearningTest, AFileHoldsWhatWasLearned) {
  const FrozenModel model = MakeFrozenModel(at::kFloat);
  LookaheadParameters learned =
      testing::MakeParameters(model, {.lookahead = 3, .adapter_rank = 2, .head_hidden = 8}, at::kFloat);
  const LookaheadTokens file = ToFile(learned, model.config(), FactsOf(model.config()), {1, 2});
  LookaheadParameters read = InitialParameters(
      model.config(), {.lookahead = 3, .adapter_rank = 2, .head_hidden = 8}, model.tensors(), 9);
  ASSERT_TRUE(TakeOver(file, model.config(), read).ok());
  const auto expected = learned.Named(), actual = read.Named();
  for (size_t i = 0; i < expected.size(); ++i) {
    const at::Tensor difference = (expected[i].second - actual[i].second).abs();
    EXPECT_LT(difference.max().item().toDouble(), 0.01) << expected[i].first;
  }
  for (const ParameterSizes& smaller : {ParameterSizes{3, 1, 8}, ParameterSizes{3, 2, 7}}) {
    LookaheadParameters other = InitialParameters(model.config(), smaller, model.tensors(), 9);
    EXPECT_EQ(TakeOver(file, model.config(), other).code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST(LearningTest, AGrownFileBeginsWithTheSameRows) {
  const FrozenModel model = MakeFrozenModel(at::kFloat);
  const LookaheadParameters learned =
      testing::MakeParameters(model, {.lookahead = 3, .adapter_rank = 2, .head_hidden = 8}, at::kFloat);
  const LookaheadTokens file = ToFile(learned, model.config(), FactsOf(model.config()), {1, 2});
  const Teacher teacher = model.Teach(MakeWindow(20, 9));
  const auto states_with = [&](const ParameterSizes& sizes, bool take_over = true) {
    LookaheadParameters parameters = InitialParameters(model.config(), sizes, model.tensors(), 9);
    if (take_over) {
      EXPECT_TRUE(TakeOver(file, model.config(), parameters).ok());
    }
    const at::Tensor rows = model.LookaheadRows(teacher, GroupsBehindAll(12, 12, 3), parameters);
    return model.HeadStep(rows, at::tensor({int64_t{1}, int64_t{2}, int64_t{3}}), parameters).detach();
  };
  const at::Tensor grown = states_with({3, 5, 11});
  EXPECT_LT((grown - states_with({3, 2, 8})).abs().max().item().toDouble(), 1e-5);
  EXPECT_GT((grown - states_with({3, 5, 11}, /*take_over=*/false)).abs().max().item().toDouble(), 1e-3);
}

}  // namespace
}  // namespace pass
