// Which candidates of a tree get a row, and behind which nodes look-ahead groups stand, when a row has a
// price: an exact optimum in one sweep over the tree.
//
// A candidate is worth its reach: the chance of one more token. A group of l rows behind a node is worth
// P(the walk stops there) * group_value[l], where group_value[l] is how many more tokens, net of costs, the next
// step brings with such a group than with none. The walk stops at a node with the node's reach less that of
// its chosen children, so that a child takes from its parent's group what its own group may give back. Both
// depend on one another along the tree only: the best of a subtree is known for each length of its parent's
// group.
//
// Pure functions.
#pragma once

#include <span>
#include <vector>

#include "core/decode/draft_tree.h"

namespace pass {

struct RowChoice {
  static constexpr int kLeftOut = -1;

  // By node: kLeftOut, or the rows of the group behind it, 0 for none. The root is always chosen.
  std::vector<int> group;
  int rows = 1;      // all of them: candidates, groups and the root
  double value = 0;  // expected tokens of this step beyond the first, and of the next by its groups
};

// What a decoder has for the next forward. Borrowed from the decoder.
struct RowOffer {
  const DraftTree* tree = nullptr;
  std::span<const int> longest_group =
      {};              // by node: the most look-ahead rows that may stand behind it, at least 0
  int group_rows = 0;  // look-ahead rows that this step drafts from; 0: none are fresh
};

// The choice that maximises value - price * rows. price > 0. `group_value`: by length; [0] is 0; as long as the longest
// group + 1.
RowChoice ChooseRows(const RowOffer& offer, std::span<const double> group_value, double price);
// The same with `most_rows` at most, the root included (so at least 1): the price rises until the rows fit.
RowChoice ChooseRowsWithin(const RowOffer& offer, std::span<const double> group_value, double price,
                           int most_rows);

}  // namespace pass
