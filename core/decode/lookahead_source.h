// Draft source: candidates from look-ahead rows and the head.
//
// A look-ahead row [LA]_k behind an anchor at index a, given the token of index a + k, proposes candidates
// for index a + k + 1. So for a node at index i the source asks the row k = i - a. It keeps one group: the
// one nearest to the node where the last walk stopped that has a row for the newest token. That group's
// anchor usually stands just before the newest token; an older group serves with its deeper rows.
//
// Where the group has no such row, the source asks the recurrent step instead. That is the `next` of the
// proposal behind the node's parent. For the root it is the `next` of the proposal that the last step made
// behind its last accepted node.
//
// In a sampled request the candidates are ranked by log q + a share of the noise that the target token of
// this index will be drawn with (core/sampling/draft_rank.h). So they agree with the target far more often
// than independent draws.
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
  // Whether this group has a row that predicts the token behind index i.
  static bool Serves(const LookaheadGroup& group, int32_t i) {
    return i - group.anchor >= 1 && i - group.anchor <= static_cast<int32_t>(group.rows.size());
  }

  Frontier frontier_;
  LookaheadGroup group_;
  DraftHandle next_ = 0;  // handle of a recurrent step that predicts the token behind index next_index_
  int32_t next_index_ = -1;
};

}  // namespace pass
