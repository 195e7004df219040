#include "core/decode/row_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <vector>

namespace pass {
namespace {

using ::testing::ElementsAre;

const std::vector<TokenId> kText = {7};

// `parents` and `probabilities` of the nodes behind the root.
DraftTree Tree(const std::vector<int>& parents, const std::vector<double>& probabilities) {
  DraftTree tree;
  tree.Reset(kText);
  for (size_t i = 0; i < parents.size(); ++i) {
    tree.Add(parents[i], static_cast<TokenId>(i), probabilities[i], Evidence());
  }
  return tree;
}

TEST(ChooseRows, TakesTheRootAloneWhenNothingPays) {
  const DraftTree tree = Tree({0, 0}, {0.5, 0.3});
  const std::vector<int> longest = {2, 2, 2};
  const std::vector<double> value = {0, 0.6, 0.7};
  const RowChoice choice = ChooseRows({.tree = &tree, .longest_group = longest}, value, 0.9);
  EXPECT_THAT(choice.group, ElementsAre(0, -1, -1));
  EXPECT_EQ(choice.rows, 1);
  EXPECT_EQ(choice.value, 0);
}

TEST(ChooseRows, TakesCandidatesThatAreWorthMoreThanARow) {
  const DraftTree tree = Tree({0, 0, 1}, {0.5, 0.3, 0.5});
  const std::vector<int> longest = {0, 0, 0, 0};
  const std::vector<double> value = {0};
  const RowOffer offer{.tree = &tree, .longest_group = longest};
  EXPECT_THAT(ChooseRows(offer, value, 0.28).group, ElementsAre(0, 0, 0, -1));
  const RowChoice all = ChooseRows(offer, value, 0.1);
  EXPECT_THAT(all.group, ElementsAre(0, 0, 0, 0));
  EXPECT_NEAR(all.value, 0.5 + 0.3 + 0.25, 1e-12);
}

// Nearly certain that the walk passes the root: its group would be lost.
TEST(ChooseRows, PutsGroupsWhereTheWalkStops) {
  const DraftTree tree = Tree({0, 1}, {0.95, 0.5});
  const std::vector<int> longest = {1, 1, 1};
  const std::vector<double> value = {0, 0.8};
  EXPECT_THAT(ChooseRows({.tree = &tree, .longest_group = longest}, value, 0.15).group, ElementsAre(0, 1, 1));
}

TEST(ChooseRows, TakesACandidateForTheSakeOfTheOneBehindIt) {
  const DraftTree tree = Tree({0, 1, 2}, {0.3, 0.99, 0.99});
  const std::vector<int> longest = {0, 0, 0, 0};
  const std::vector<double> value = {0};
  const RowOffer offer{.tree = &tree, .longest_group = longest};
  EXPECT_EQ(ChooseRows(offer, value, 0.29).rows, 4);
  EXPECT_EQ(ChooseRows(offer, value, 0.31).rows, 1);
}

// Value less price of a choice, from its definition.
double Profit(const DraftTree& tree, const std::vector<int>& group, const std::vector<double>& value,
              double price) {
  double profit = 0;
  for (int node = 0; node < tree.size(); ++node) {
    if (group[node] < 0) continue;
    double stop = tree[node].reach;
    for (int child = node + 1; child < tree.size(); ++child) {
      if (tree[child].parent == node && group[child] >= 0) stop -= tree[child].reach;
    }
    profit += stop * value[group[node]] - price * (group[node] + (node > 0 ? 1 : 0));
    if (node > 0) profit += tree[node].reach;
  }
  return profit;
}

TEST(ChooseRows, FindsTheBestOfAllChoicesOnRandomTrees) {
  const unsigned seed = 31337;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto uniform = [&] { return static_cast<double>(random()) / 0x1p32; };
  for (int round = 0; round < 300; ++round) {
    DraftTree tree;
    tree.Reset(kText);
    const int size = 1 + static_cast<int>(random() % 6);
    for (int node = 1; node < size; ++node) {
      tree.Add(static_cast<int>(random() % node), node, uniform() / size, Evidence());
    }
    const std::vector<double> value = {0, 0.3 + 0.5 * uniform(), 0.5 + 0.5 * uniform()};
    std::vector<int> longest;
    for (int node = 0; node < size; ++node) longest.push_back(static_cast<int>(random() % 3));
    const RowOffer offer{.tree = &tree, .longest_group = longest};
    const double price = 0.005 + 0.2 * uniform();

    double best = -1e9;
    std::vector<int> group(size, -1);
    const std::function<void(int)> choose = [&](int node) {
      if (node == size) {
        best = std::max(best, Profit(tree, group, value, price));
        return;
      }
      const bool may = node == 0 || group[tree[node].parent] >= 0;
      for (int l = node == 0 ? 0 : -1; l <= (may ? longest[node] : -1); ++l) {
        group[node] = l;
        choose(node + 1);
      }
    };
    choose(0);
    const RowChoice choice = ChooseRows(offer, value, price);
    EXPECT_NEAR(Profit(tree, choice.group, value, price), best, 1e-9) << "round " << round;
    EXPECT_NEAR(choice.value - price * (choice.rows - 1), best, 1e-9) << "round " << round;
    for (const int most : {1, 2, 4}) {
      EXPECT_LE(ChooseRowsWithin(offer, value, price, most).rows, most);
    }
  }
}

}  // namespace
}  // namespace pass
