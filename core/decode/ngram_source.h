// Candidates from the request's own text: what followed the same last tokens before. For each run of 2 to 5
// tokens the two latest different continuations are kept; the longest run that is known gives the candidates.
// The same look-up serves every node of a tree, so a copied passage becomes a branch of any length.
//
// Memory: bounded by the context, at most kLengths entries per token of the text. Time: a few hash look-ups
// per token and per node.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "core/decode/draft_source.h"
#include "core/decode/latest_two.h"

namespace pass {

class NgramSource final : public DraftSource {
 public:
  static constexpr int kShortest = 2;
  static constexpr int kLongest = 5;
  static constexpr int kLengths = kLongest - kShortest + 1;

  // Takes in the text since the last step.
  void Begin(const Frontier& frontier) override;
  // Strength: by the length of the run, twice as fine: whether its last two continuations were the same.
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;

 private:
  std::unordered_map<uint64_t, LatestTwo> continuations_;  // by the hash of a run and its length
  size_t taken_in_ = 0;                                    // tokens of the text
};

}  // namespace pass
