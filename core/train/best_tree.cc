#include "core/train/best_tree.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <queue>

namespace pass {
namespace {

constexpr int kDeepest = 12;

// A candidate that waits to become a node.
struct Candidate {
  double reach;
  TokenId token;
  int parent, depth;
  int reply;  // that listed it: its state, with the candidate as the token before, gives its children

  bool operator<(const Candidate& other) const { return reach < other.reach; }
};

struct Growth {
  BestTree tree;
  std::vector<int> reply_of_node;
  std::priority_queue<Candidate> waiting;
  std::vector<at::Tensor> reply_states;
};

// What is asked of the walk in one turn: the children of each tree's newest node, or of the anchor's own draw.
struct Turn {
  std::vector<DraftRequest> requests;
  std::vector<at::Tensor> states;

  at::Tensor Stacked() const {
    const auto some = std::ranges::find_if(states, [](const at::Tensor& state) { return state.defined(); });
    if (some == states.end()) return {};
    std::vector<at::Tensor> all;
    for (const at::Tensor& state : states) all.push_back(state.defined() ? state : at::zeros_like(*some));
    return at::stack(all);
  }
};

Turn PlanTurn(const DraftWalk& walk, const std::vector<Growth>& growths, int rows, int turn) {
  const auto end = static_cast<int32_t>(walk.text().tokens.size());
  Turn planned;
  for (int a = 0; a < walk.num_anchors(); ++a) {
    const Growth& growth = growths[a];
    if (static_cast<int>(growth.tree.nodes.size()) != turn) continue;  // nothing was left to add
    const int32_t anchor = walk.first_anchor() + a;
    const BestTreeNode* node = turn == 0 ? nullptr : &growth.tree.nodes.back();
    const int depth = node == nullptr ? 1 : node->depth + 1;
    const bool recurrent = depth > rows;
    if (anchor + 1 + depth >= end || depth > kDeepest || (recurrent && !walk.has_head())) continue;
    planned.requests.push_back(
        {a, depth, node == nullptr ? walk.text().tokens[anchor + 1] : node->token, recurrent});
    planned.states.push_back(recurrent ? growth.reply_states[growth.reply_of_node.back()] : at::Tensor());
  }
  return planned;
}

void TakeReply(const DraftRequest& request, const DraftList& list, const at::Tensor& state, Growth& growth) {
  const int parent = static_cast<int>(growth.tree.nodes.size()) - 1;
  const double reach = parent < 0 ? 1.0 : growth.tree.nodes[parent].reach;
  const auto reply = static_cast<int>(growth.reply_states.size());
  growth.reply_states.push_back(state);
  for (size_t i = 0; i < list.ids.size(); ++i) {
    growth.waiting.push({reach * list.probabilities[i], list.ids[i], parent, request.depth, reply});
  }
}

void AddBest(const DraftWalk& walk, int anchor, Growth& growth) {
  if (growth.waiting.empty()) return;
  const Candidate best = growth.waiting.top();
  growth.waiting.pop();
  const TokenId own = walk.text().tokens[walk.first_anchor() + anchor + 1 + best.depth];
  const bool parent_on_path = best.parent < 0 || growth.tree.nodes[best.parent].on_path;
  growth.tree.nodes.push_back(
      {best.token, best.parent, best.depth, best.reach, parent_on_path && best.token == own});
  growth.reply_of_node.push_back(best.reply);
}

}  // namespace

int BestTree::Accepted(int count) const {
  int accepted = 0;
  for (int i = 0; i < std::min(count, static_cast<int>(nodes.size())); ++i)
    accepted += nodes[i].on_path ? 1 : 0;
  return accepted;
}

std::vector<BestTree> BestTrees(const DraftWalk& walk, int rows, int nodes) {
  std::vector<Growth> growths(walk.num_anchors());
  for (int turn = 0; turn < nodes; ++turn) {
    const Turn planned = PlanTurn(walk, growths, rows, turn);
    if (!planned.requests.empty()) {
      const DraftReplies replies = walk.Propose(planned.requests, planned.Stacked());
      for (size_t i = 0; i < planned.requests.size(); ++i) {
        const DraftRequest& request = planned.requests[i];
        TakeReply(request, replies.lists[i],
                  replies.states.defined() ? replies.states[static_cast<int64_t>(i)] : at::Tensor(),
                  growths[request.anchor]);
      }
    }
    for (int a = 0; a < walk.num_anchors(); ++a) {
      if (static_cast<int>(growths[a].tree.nodes.size()) == turn) AddBest(walk, a, growths[a]);
    }
  }
  std::vector<BestTree> trees;
  for (Growth& growth : growths) trees.push_back(std::move(growth.tree));
  return trees;
}

}  // namespace pass
