// The planner with made-up costs and trees.
#include "core/engine/speculation/tree_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "core/decode/tree.h"

namespace pass {
namespace {

const SamplingOptions kGreedy{.temperature = 0};

// t(n) of a machine where some rows are cheap and more are not.
const std::vector<CostSample> kMachine = {{1, 6.65e-3},  {2, 6.85e-3},  {4, 7.30e-3},
                                          {6, 8.01e-3},  {8, 9.47e-3},  {12, 10.9e-3},
                                          {16, 12.9e-3}, {24, 17.5e-3}, {32, 21.4e-3}};

std::vector<CostSample> Scaled(double each_row) {
  std::vector<CostSample> samples;
  for (int rows = 1; rows <= 64; rows *= 2) samples.push_back({rows, 0.01 * (1 + each_row * (rows - 1))});
  return samples;
}

// A decoder whose tree is a chain of `length` candidates that its calibration thinks `certain` or not of.
class ChainDecoder {
 public:
  ChainDecoder(TreePlanner& planner, int length, bool certain) : length_(length), certain_(certain) {
    // A text that repeats itself, or not: the n-gram source makes the chain.
    for (int i = 0; i < 2 * length + 8; ++i) text_.push_back(certain ? i % (length + 4) : 3 * i % 97);
    decoder_ = std::make_unique<TreeDecoder>(
        TreeOptions{.lookahead = 0, .context_length = 4096, .successors = false, .max_depth = length},
        planner.calibration());
    frontier_ = {.sequence = 1,
                 .newest = text_.back(),
                 .position = static_cast<int32_t>(text_.size()) - 1,
                 .sampling = &kGreedy,
                 .text = text_,
                 .least_reach = 0};
    EXPECT_TRUE(decoder_->Ask(frontier_).empty());
  }

  TreePlanner::Offer offer(int most_rows) { return {.rows = decoder_->offer(), .most_rows = most_rows}; }
  void Choose(const RowChoice& choice) { decoder_->Choose(choice); }
  int Rows() { return static_cast<int>(decoder_->Plan(frontier_).size()); }

 private:
  const int length_;
  const bool certain_;
  std::vector<TokenId> text_;
  Frontier frontier_;
  std::unique_ptr<TreeDecoder> decoder_;
};

// Plans one forward, and hands each decoder its choice.
void PlanRows(TreePlanner& planner, std::initializer_list<std::pair<ChainDecoder*, int>> chains,
              TreePlanner::Forward forward) {
  std::vector<TreePlanner::Offer> offers;
  for (const auto& [chain, most_rows] : chains) offers.push_back(chain->offer(most_rows));
  const std::vector<RowChoice> choices = planner.Plan(offers, forward);
  for (size_t i = 0; i < choices.size(); ++i) std::data(chains)[i].first->Choose(choices[i]);
}

// The planner believes in long repeated runs.
void TeachRepetition(TreePlanner& planner) {
  for (int depth = 1; depth <= 4; ++depth) {
    for (uint8_t strength = kWeakest; strength <= kMaxStrength; ++strength) {
      for (int i = 0; i < 300; ++i) {
        planner.calibration()->Learn({kSilent, strength, kSilent}, depth, false, /*hit=*/i % 20 > 0);
      }
    }
  }
}

int RowsOf(const std::vector<CostSample>& machine, int most_rows = 64, int other_rows = 0) {
  TreePlanner planner(0);
  planner.costs().Set(machine);
  TeachRepetition(planner);
  ChainDecoder chain(planner, 16, /*certain=*/true);
  PlanRows(planner, {{&chain, 64}}, {.other_rows = other_rows, .most_rows = most_rows});
  return chain.Rows();
}

TEST(TreePlanner, TakesMoreRowsTheLessTheyCost) {
  const int free_rows = RowsOf(Scaled(0.0));
  const int cheap = RowsOf(Scaled(0.3));
  const int dear = RowsOf(Scaled(1.5));
  EXPECT_EQ(free_rows, 17);
  EXPECT_LT(cheap, free_rows + 1);
  EXPECT_GT(cheap, 1);
  EXPECT_EQ(dear, 1);
}

TEST(TreePlanner, TakesTheRootAloneWhenNoCandidateIsLikely) {
  TreePlanner planner(0);
  planner.costs().Set(kMachine);
  ChainDecoder chain(planner, 8, /*certain=*/false);
  PlanRows(planner, {{&chain, 64}}, {.most_rows = 64});
  EXPECT_EQ(chain.Rows(), 1);
}

TEST(TreePlanner, KeepsWithinTheRowsOfTheForwardAndOfTheRequest) {
  EXPECT_LE(RowsOf(Scaled(0.0), /*most_rows=*/9), 9);
  EXPECT_GE(RowsOf(Scaled(0.0), /*most_rows=*/9), 6);
  EXPECT_EQ(RowsOf(Scaled(0.0), /*most_rows=*/1), 1);
  EXPECT_LE(RowsOf(Scaled(0.0), /*most_rows=*/20, /*other_rows=*/12), 8);
  TreePlanner planner(0);
  planner.costs().Set(Scaled(0.0));
  TeachRepetition(planner);
  ChainDecoder limited(planner, 16, true);
  ChainDecoder free_of_limits(planner, 16, true);
  PlanRows(planner, {{&limited, 5}, {&free_of_limits, 64}}, {.most_rows = 64, .batch = 2});
  EXPECT_LE(limited.Rows(), 5);
  EXPECT_EQ(free_of_limits.Rows(), 17);
}

// The likelier tree gets the rows that all compete for.
TEST(TreePlanner, GivesTheRowsToTheSequenceThatUsesThemBest) {
  TreePlanner planner(0);
  planner.costs().Set(kMachine);
  TeachRepetition(planner);
  ChainDecoder good(planner, 16, true);
  ChainDecoder bad(planner, 16, false);
  PlanRows(planner, {{&bad, 64}, {&good, 64}}, {.most_rows = 64, .batch = 2});
  EXPECT_EQ(bad.Rows(), 1);
  EXPECT_GT(good.Rows(), 5);
}

TEST(TreePlanner, WantsMoreOfARowWhenTheBatchAlreadyCosts) {
  // From 12 rows on each costs as much as a token is worth.
  std::vector<CostSample> knee = {{1, 0.010}, {12, 0.011}, {16, 0.100}, {64, 1.200}};
  EXPECT_EQ(RowsOf(knee, 64, /*other_rows=*/16), 1);
  EXPECT_GT(RowsOf(knee), 8);
  EXPECT_LE(RowsOf(knee), 12);
}

TEST(StepCosts, AreLinearBetweenSamplesAndBeyondThem) {
  StepCosts costs;
  costs.Set(kMachine);
  EXPECT_NEAR(costs.Seconds(1), 6.65e-3, 1e-9);
  EXPECT_NEAR(costs.Seconds(3), 7.075e-3, 1e-9);
  EXPECT_NEAR(costs.Seconds(8), 9.47e-3, 1e-9);
  EXPECT_NEAR(costs.Seconds(20), 15.2e-3, 1e-9);
  EXPECT_NEAR(costs.Seconds(40), 25.3e-3, 1e-9);
}

TEST(StepCosts, NeverFallWithMoreRows) {
  StepCosts costs;
  costs.Set(std::vector<CostSample>{{1, 0.010}, {2, 0.009}, {4, 0.008}, {8, 0.012}});
  for (int rows = 1; rows < 100; ++rows) EXPECT_LE(costs.Seconds(rows), costs.Seconds(rows + 1));
  EXPECT_GE(costs.Seconds(4), 0.010);
}

TEST(StepCosts, TakeTheirScaleFromTheFirstForwardWhenNothingWasMeasured) {
  StepCosts costs;
  costs.Observe(4, 0.020);
  EXPECT_NEAR(costs.Seconds(4), 0.020, 1e-9);
  EXPECT_LT(costs.Seconds(1), 0.020);
}

TEST(StepCosts, FollowASlowerMachine) {
  StepCosts costs;
  costs.Set(kMachine);
  for (int i = 0; i < 200; ++i) {
    costs.Observe(1, 13.3e-3);
    costs.Observe(8, 18.9e-3);
  }
  EXPECT_NEAR(costs.Seconds(1), 13.3e-3, 0.5e-3);
  EXPECT_NEAR(costs.Seconds(8), 18.9e-3, 0.5e-3);
  EXPECT_NEAR(costs.Seconds(32), 42.8e-3, 9e-3);  // never seen, but the scale is known
}

TEST(StepCosts, AreNotUpsetByOneStall) {
  StepCosts costs;
  costs.Set(kMachine);
  costs.Observe(8, 2.0);
  EXPECT_LT(costs.Seconds(8), 1.15 * 9.47e-3);
}

// A step with a group emits two tokens, one without emits one; rows cost nothing; after a group comes a group
// nine times out of ten, after none always.
TEST(GroupValues, LearnWhatAGroupBrings) {
  GroupValues values(1);
  int length = 0;
  for (int i = 0; i < 20000; ++i) {
    const int next = length == 1 && i % 10 == 0 ? 0 : 1;
    values.Learn(length, length == 1 ? 2.0 : 1.0, next, 1.0);
    length = next;
  }
  // h = 2 - 1 - 0.1 h
  EXPECT_NEAR(values.values()[1], 1 / 1.1, 0.1);
  EXPECT_EQ(values.values()[0], 0);
}

TEST(GroupValues, LearnThatAGroupIsWorthNothing) {
  GroupValues values(2);
  for (int i = 0; i < 1000; ++i) values.Learn(i % 2, 1.0, (i + 1) % 2, 1.0);
  EXPECT_LT(values.values()[1], 0.1);
}

// No step without a group ever says so.
TEST(GroupValues, LearnItFromStepsThatAllHaveAGroup) {
  GroupValues useless(4);
  GroupValues useful(4);
  for (int i = 0; i < 200; ++i) {
    useless.Learn(1, 0.97, 1, 0.97);
    useful.Learn(1, 1.8, 1, 0.97);
  }
  for (int length = 1; length <= 4; ++length) {
    EXPECT_LT(useless.values()[length], 0.22);
    EXPECT_NEAR(useful.values()[length], 0.83, 0.2);
  }
}

}  // namespace
}  // namespace pass
