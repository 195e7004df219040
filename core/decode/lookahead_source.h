// Candidates from look-ahead rows: the rows behind the node where the last walk stopped know something of the
// tokens that come next, and the model's head tells it for each candidate before them.
//
// A group whose anchor stands at index a: its row of [LA]_k predicts index a + k + 1, given the token of index
// a + k. So behind the node of index i the row k = i - a is asked, whenever the group was made: a fresh group
// has its anchor just before the newest token, an older one has deeper rows that still serve. Where the group
// has no such row, the recurrent step of the proposal behind the parent is asked instead, the one that the
// last tree made behind its stop node included.
//
// When sampling, the candidates are ranked by log q + the noise that the target of this index will be drawn
// with, so that the two agree far more often than independent draws.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/decode/draft_source.h"

namespace pass {

class LookaheadSource final : public DraftSource {
 public:
  void Begin(const Frontier& frontier) override;
  std::optional<ProposalRequest> Ask(const DraftTree& tree, int node) const override;
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;
  void Keep(const StepEnd& end) override;
  DraftHandle oldest_kept() const override;
  int fresh_rows() const override;

 private:
  // Whether this group has a row for the token behind index i.
  static bool Serves(const LookaheadGroup& group, int32_t i) {
    return i - group.anchor >= 1 && i - group.anchor <= static_cast<int32_t>(group.rows.size());
  }

  Frontier frontier_;
  LookaheadGroup group_;
  DraftHandle next_ = 0;  // recurrent step for the token behind index next_index_
  int32_t next_index_ = -1;
};

}  // namespace pass
