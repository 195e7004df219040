#include "core/train/decode_simulation.h"

#include <gtest/gtest.h>

#include "core/train/group_plan.h"

namespace pass {
namespace {

TEST(GroupPlanTest, RowsOfAGroupFollowEachOtherInsideTheWindow) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const std::vector<GroupRow> rows = PlanGroups({.lookahead = 8, .anchors = 20, .window = 40}, seed);
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_LT(rows[i].position(), 40);
      EXPECT_EQ(rows[i].k, static_cast<int>(i) - rows[i].first + 1);
      EXPECT_EQ(rows[i].anchor, rows[rows[i].first].anchor);
    }
  }
}

TEST(RowCostsTest, IsLinearBetweenItsPoints) {
  const RowCosts costs({{1, 10.0}, {3, 14.0}, {7, 30.0}});
  EXPECT_DOUBLE_EQ(costs.Seconds(1), 10);
  EXPECT_DOUBLE_EQ(costs.Seconds(2), 12);
  EXPECT_DOUBLE_EQ(costs.Seconds(5), 22);
  EXPECT_DOUBLE_EQ(costs.Seconds(9), 38);
}

// Behind every anchor a chain of two nodes, both right, so that every step emits three tokens.
std::vector<BestTree> RightChains(int anchors) {
  BestTree tree;
  tree.nodes = {{.token = 1, .parent = -1, .depth = 1, .reach = 0.9, .on_path = true},
                {.token = 2, .parent = 0, .depth = 2, .reach = 0.8, .on_path = true}};
  return std::vector<BestTree>(anchors, tree);
}

TEST(SimulationTest, CountsTokensPerStepAndTheCostOfRows) {
  const std::vector<std::vector<BestTree>> texts = {RightChains(300)};
  // Four rows cost as much as one: the group behind the last node and both candidates are free.
  const SimulatedSpeedup free = SimulateTrees(texts, /*rows=*/1, RowCosts({{1, 1.0}, {100, 1.0}}));
  EXPECT_NEAR(free.speedup, 3.0, 1e-9);
  EXPECT_NEAR(free.tokens_per_step, 3.0, 1e-9);
  // Each row costs as much as a token is worth: plain decoding is best.
  const SimulatedSpeedup dear = SimulateTrees(texts, 1, RowCosts({{1, 1.0}, {2, 2.0}}));
  EXPECT_EQ(dear.speedup, 1.0);
}

TEST(SimulationTest, WrongDraftsNeverPay) {
  std::vector<BestTree> trees = RightChains(50);
  for (BestTree& tree : trees) {
    for (BestTreeNode& node : tree.nodes) node.on_path = false;
  }
  EXPECT_EQ(
      SimulateTrees(std::vector<std::vector<BestTree>>{trees}, 1, RowCosts({{1, 1.0}, {8, 1.2}})).speedup,
      1.0);
}

}  // namespace
}  // namespace pass
