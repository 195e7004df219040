#include "core/decode/successor_source.h"

namespace pass {

void SuccessorSource::Begin(const Frontier& frontier) {
  if (knows_prompt_) return;
  knows_prompt_ = true;
  for (size_t i = 1; i < frontier.text.size(); ++i) Learn(frontier.text[i - 1], frontier.text[i]);
}

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
