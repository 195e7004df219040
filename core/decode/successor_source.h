// Draft source: candidates from what followed a token before. It learns the target token drawn behind each
// ordinary row of the request, accepted or not, and the neighbouring tokens of the prompt.
//
// Memory: at most kMostTokens entries.
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
  // Strength: higher if the last two successors were the same.
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;
  void Learn(TokenId token, TokenId target) override;

 private:
  std::unordered_map<TokenId, LatestTwo> successors_;
  bool knows_prompt_ = false;
};

}  // namespace pass
