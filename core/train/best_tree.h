// The best trees of candidates behind every anchor of a text: nodes by falling probability of being reached, each node's
// children proposed after the node itself. A tree of n nodes is the first n of a larger one.
#pragma once

#include <vector>

#include "core/base/token_id.h"
#include "core/train/draft_walk.h"

namespace pass {

struct BestTreeNode {
  TokenId token = 0;
  int parent = -1;       // index of the parent node; -1: the anchor's own draw, which is given
  int depth = 1;         // token p + 1 + depth
  double reach = 0;      // product of the drafts' probabilities
  bool on_path = false;  // it and its ancestors are the text's own next tokens
};

struct BestTree {
  std::vector<BestTreeNode> nodes;  // reach falls; parents come first

  // Tokens of the text's own continuation that the first `count` nodes hold.
  int Accepted(int count) const;
};

// One tree per anchor. `rows`: look-ahead rows behind an anchor that serve, at most walk.lookahead(); with a head, deeper nodes
// come from recurrent steps, without one a tree is `rows` deep.
std::vector<BestTree> BestTrees(const DraftWalk& walk, int rows, int nodes);

}  // namespace pass
