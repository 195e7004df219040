// Which candidates of a tree get a row, and behind which nodes look-ahead groups stand, when a row has a
// price. The price is in tokens. The choice is an exact optimum, found in one sweep over the tree.
//
// A candidate is worth its reach (draft_tree.h): the chance of one more token. A group of l rows behind a
// node is worth P(the walk stops at the node) * group_value[l]. Here group_value[l] is how many more tokens,
// net of costs, the next step brings with such a group than with none.
//
// The probability that the walk stops at a node is the node's reach less the reaches of its chosen children.
// So a chosen child takes worth away from its parent's group. This ties a node to its parent and to nothing
// else. So it is enough to know, for each node and each length of its parent's group, the best choice in the
// node's subtree.
//
// Pure functions.
#pragma once

#include <span>
#include <vector>

#include "core/decode/draft_tree.h"

namespace pass {

struct RowChoice {
  static constexpr int kLeftOut = -1;

  // By node: kLeftOut if it gets no row, else the number of look-ahead rows behind it. The root is always
  // chosen.
  std::vector<int> group;
  int rows = 1;  // the root, the chosen candidates and the groups together
  double value =
      0;  // expected tokens: of this step beyond the first, and what the groups bring to the next step
};

// What a decoder offers for the next forward. It points into the decoder.
struct RowOffer {
  const DraftTree* tree = nullptr;
  std::span<const int> longest_group =
      {};              // by node: the most look-ahead rows that may stand behind it, at least 0
  int group_rows = 0;  // rows of the group just before the newest token, which this step drafts from; 0: none
};

// The choice that maximises value - price * rows, for a price above 0. `group_value`: by length of a group,
// from 0 to the longest one; [0] is 0.
RowChoice ChooseRows(const RowOffer& offer, std::span<const double> group_value, double price);
// The same with at most `most_rows` rows, the root included. The price rises until the rows fit. `most_rows`:
// at least 1.
RowChoice ChooseRowsWithin(const RowOffer& offer, std::span<const double> group_value, double price,
                           int most_rows);

}  // namespace pass
