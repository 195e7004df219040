// Candidates from what the model itself said after a token before: for each row of the steps so far its token
// and the target token drawn behind it, off the walk's path too, and the pairs of the prompt.
//
// Memory: kMostTokens entries at most.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "core/decode/draft_source.h"
#include "core/decode/latest_two.h"

namespace pass {

class SuccessorSource final : public DraftSource {
 public:
  static constexpr size_t kMostTokens = 16384;

  void Begin(const Frontier& frontier) override;
  // Strength: whether the last two successors were the same.
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;
  void Learn(TokenId token, TokenId target) override;

 private:
  std::unordered_map<TokenId, LatestTwo> successors_;
  bool knows_prompt_ = false;
};

}  // namespace pass
