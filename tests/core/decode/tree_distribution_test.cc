// What `tree` samples is distributed as the model says, and is more than that: byte for byte what plain decoding
// samples. The same tests must refuse trees with one mistake each.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/decode/plain.h"
#include "tests/core/decode/broken_tree.h"
#include "tests/core/decode/choosing_tree.h"
#include "tests/core/decode/decode_loop.h"
#include "tests/core/decode/joint_distribution.h"
#include "tests/support/chi_square.h"

namespace pass {
namespace {

JointCase TreeCase() {
  return {.name = "no filters",
          .vocab_size = 4,
          .lookahead = 3,
          .num_tokens = 6,
          .logits = {.seed = 21, .shared_scale = 0.5, .context_scale = 2.0, .partial_support = false},
          .sampling = {},
          .agreement = 0.7,
          .seeds = 10'000};
}

JointCase FilteredCase() {
  JointCase test = TreeCase();
  test.name = "temperature, top_k, top_p and min_p";
  test.logits = {.seed = 22, .shared_scale = 1.0, .context_scale = 1.5, .partial_support = true};
  test.sampling = {.temperature = 0.8, .top_k = 3, .top_p = 0.9, .min_p = 0.1};
  return test;
}

class TreeDistribution : public testing::TestWithParam<JointCase> {};

TEST_P(TreeDistribution, IsTheModelsOwnJointDistribution) {
  std::mt19937 random(7);
  const double deviation = JointDeviation(GetParam(), [&](int lookahead, const ModelInfo& model) {
    return std::make_unique<ChoosingTree>(
        TreeOptions{.lookahead = lookahead, .context_length = model.context_length, .max_nodes = 12},
        AnyRows(random));
  });
  EXPECT_LT(deviation, kChiSquareLimit);
}

INSTANTIATE_TEST_SUITE_P(SmallModels, TreeDistribution, testing::Values(TreeCase(), FilteredCase()),
                         [](const auto& test) { return std::to_string(test.index); });

struct NamedTreeMistake {
  const char* name;
  TreeMistake mistake;
};

class TreeMistakeIsNoticed : public testing::TestWithParam<NamedTreeMistake> {};

// How many of 200 seeds give other tokens than plain decoding.
int DifferencesFromPlain(TreeMistake mistake) {
  TableModel model = JointModel(TreeCase());
  int differences = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const SamplingOptions sampling{.seed = seed};
    PlainDecoder plain;
    BrokenTree tree(static_cast<int>(model.info().vocab_size), mistake);
    const TokenId prompt[] = {1};
    differences +=
        Decode(model, plain, sampling, prompt, 12).tokens != Decode(model, tree, sampling, prompt, 12).tokens;
  }
  return differences;
}

TEST_P(TreeMistakeIsNoticed, ByTheBytes) { EXPECT_GT(DifferencesFromPlain(GetParam().mistake), 100); }

TEST_P(TreeMistakeIsNoticed, ByTheJointDistribution) {
  const double deviation = JointDeviation(TreeCase(), [](int /*lookahead*/, const ModelInfo& model) {
    return std::make_unique<BrokenTree>(static_cast<int>(model.vocab_size), GetParam().mistake);
  });
  EXPECT_GT(deviation, kChiSquareLimit);
}

INSTANTIATE_TEST_SUITE_P(
    Tree, TreeMistakeIsNoticed,
    testing::Values(NamedTreeMistake{"NoiseOfTheRoot", TreeMistake::kNoiseOfTheRoot},
                    NamedTreeMistake{"NoiseOfTheRow", TreeMistake::kNoiseOfTheRow},
                    NamedTreeMistake{"AcceptsTheLikeliestChild", TreeMistake::kAcceptsTheLikeliestChild},
                    NamedTreeMistake{"CommitsASibling", TreeMistake::kCommitsASibling},
                    NamedTreeMistake{"DrawsBonusAtTheRoot", TreeMistake::kDrawsBonusAtTheRoot}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(BrokenTree, WithoutAMistakeIsPlain) { EXPECT_EQ(DifferencesFromPlain(TreeMistake::kNone), 0); }

TEST(BrokenTreeDeathTest, ACandidateThatSeesALookAheadRowEndsTheFake) {
  EXPECT_DEATH(DifferencesFromPlain(TreeMistake::kCandidatesSeeLookahead), "behind a look-ahead row");
}

}  // namespace
}  // namespace pass
