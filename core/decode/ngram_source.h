// Draft source: candidates from the request's own text, namely what followed the same last tokens before.
//
// For each run of 2 to 5 tokens the two latest different continuations are kept. The longest run that ends at
// a node and is known gives the candidates behind it. Every node of a tree is looked up, so a passage that is
// copied becomes a branch of any length.
//
// Memory: at most kLengths entries per token of the text. Time: a few hash look-ups per token and per node.
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

  // Takes in the text that is new since the last step.
  void Begin(const Frontier& frontier) override;
  // Strength: two values for each length of the run. The higher one: its last two continuations were the
  // same.
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;

 private:
  std::unordered_map<uint64_t, LatestTwo> continuations_;  // by the hash of a run and its length
  size_t taken_in_ = 0;                                    // tokens of the text so far
};

}  // namespace pass
