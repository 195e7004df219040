#include "core/decode/draft_tree.h"

#include <cstddef>

#include "core/base/check.h"

namespace pass {

DraftOrigin OriginOf(const Evidence& evidence) {
  for (size_t origin = 0; origin < evidence.size(); ++origin) {
    if (evidence[origin] >= kWeakest) return static_cast<DraftOrigin>(origin);
  }
  return DraftOrigin::kSuccessor;
}

void DraftTree::Reset(std::span<const TokenId> text) {
  PASS_CHECK(!text.empty());
  text_ = text;
  nodes_.assign(1, DraftNode{.token = text.back()});
}

int DraftTree::Add(int parent, TokenId token, double probability, const Evidence& evidence) {
  nodes_.push_back({.token = token,
                    .parent = parent,
                    .depth = nodes_[parent].depth + 1,
                    .reach = nodes_[parent].reach * probability,
                    .evidence = evidence});
  return size() - 1;
}

int DraftTree::Child(int node, TokenId token) const {
  for (int i = node + 1; i < size(); ++i) {
    if (nodes_[i].parent == node && nodes_[i].token == token) return i;
  }
  return -1;
}

std::span<const TokenId> DraftTree::Ending(int node, std::span<TokenId> tokens) const {
  size_t first = tokens.size();
  for (; node > 0 && first > 0; node = nodes_[node].parent) tokens[--first] = nodes_[node].token;
  for (size_t i = text_.size(); i > 0 && first > 0; --i) tokens[--first] = text_[i - 1];
  return tokens.subspan(first);
}

}  // namespace pass
