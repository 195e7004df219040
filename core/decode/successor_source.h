// Draft source: candidates from what followed a token before. It learns the target token drawn behind each
// ordinary row of a step, accepted or not. It also learns the neighbouring tokens of the prompt, and of what was
// decoded plain since the last step.
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
  void Keep(const StepEnd& end) override;

 private:
  std::unordered_map<TokenId, LatestTwo> successors_;
  size_t known_ = 1;  // tokens of the text whose neighbours are learned
};

}  // namespace pass
