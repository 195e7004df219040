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
  // The rows of a group, in order, as the model knows them.
  struct Group {
    int32_t anchor = 0;  // index of the token that the group stands behind
    std::vector<DraftHandle> rows;
  };

  void Begin(const Frontier& frontier) override;

  // What to ask the model for the candidates behind `node`; nothing if no row and no recurrent step serves.
  std::optional<ProposalRequest> Ask(const DraftTree& tree, int node) const;
  std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) override;

  // A walk is over, and `frontier` is where the next step begins. `groups`: those behind the nodes of the
  // walk, the last node's last. `next`: of the proposal behind the stop node, 0 if there was none.
  void Keep(int32_t frontier, std::vector<Group> groups, DraftHandle next);

  // Rows of the group that stands just before the newest token; 0: there is none.
  int fresh_rows() const;

  // The oldest handle that the next step may ask; 0: none.
  DraftHandle oldest_kept() const;

 private:
  // Whether this group has a row for the token behind index i.
  static bool Serves(const Group& group, int32_t i) {
    return i - group.anchor >= 1 && i - group.anchor <= static_cast<int32_t>(group.rows.size());
  }

  Frontier frontier_;
  Group group_;
  DraftHandle next_ = 0;  // recurrent step for the token behind index next_index_
  int32_t next_index_ = -1;
};

}  // namespace pass
