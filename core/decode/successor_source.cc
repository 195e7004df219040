#include "core/decode/successor_source.h"

namespace pass {

void SuccessorSource::Begin(const Frontier& frontier) {
  for (; known_ < frontier.text.size(); ++known_) Learn(frontier.text[known_ - 1], frontier.text[known_]);
}

// Learn was told of this step's tokens.
void SuccessorSource::Keep(const StepEnd& end) { known_ = static_cast<size_t>(end.frontier) + 1; }

std::vector<Draft> SuccessorSource::Drafts(const DraftTree& tree, int node, const Proposal* /*proposal*/) {
  const auto found = successors_.find(tree[node].token);
  if (found == successors_.end()) return {};
  const LatestTwo& known = found->second;
  std::vector<Draft> drafts = {{known.latest, static_cast<uint8_t>(kWeakest + (known.repeated ? 2 : 1))}};
  if (known.other >= 0) drafts.push_back({known.other, kWeakest});
  return drafts;
}

void SuccessorSource::Learn(TokenId token, TokenId target) {
  if (successors_.size() >= kMostTokens && !successors_.contains(token)) return;
  successors_[token].Add(target);
}

}  // namespace pass
