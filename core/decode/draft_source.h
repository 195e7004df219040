// A draft source names candidates for the nodes of a tree. The target token is drawn first and is then looked
// for among the candidates. So the sources decide about speed alone: any mixture of them leaves the output as
// it is.
//
// Owner: one TreeDecoder, which belongs to one request. What a source has seen is never shared between
// requests. Thread: the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/decode/decoder.h"
#include "core/decode/draft_tree.h"

namespace pass {

struct Draft {
  TokenId token = 0;
  uint8_t strength = kWeakest;  // how sure the source is, on its own scale, kWeakest to kMaxStrength
};

// The look-ahead rows that stood behind one token, the anchor, as handles of the model.
struct LookaheadGroup {
  int32_t anchor = 0;             // index of that token
  std::vector<DraftHandle> rows;  // that of [LA]_1 first
};

// What a step leaves for the next one.
struct StepEnd {
  int32_t frontier = 0;                    // index of the newest token
  std::span<const LookaheadGroup> groups;  // behind the root and the accepted nodes, in the order of the text
  DraftHandle next = 0;  // of the proposal made behind the last accepted node (DraftNode::next); 0: none
};

class DraftSource {
 public:
  virtual ~DraftSource() = default;

  // A step begins. The frontier's text is everything that is decided so far.
  virtual void Begin(const Frontier& frontier) = 0;

  // The proposal that the source needs before Drafts is called for `node`; none if it needs none there.
  virtual std::optional<ProposalRequest> Ask(const DraftTree& /*tree*/, int /*node*/) const {
    return std::nullopt;
  }
  // Candidates for the token behind `node`, all different, best first. `proposal`: the model's answer for
  // this node; null if nobody asked.
  virtual std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) = 0;

  // Tells of one row of the step its token and the target token that was drawn behind it. Called for every
  // ordinary row, accepted or not.
  virtual void Learn(TokenId /*token*/, TokenId /*target*/) {}

  // A step ends.
  virtual void Keep(const StepEnd& /*end*/) {}
  // The oldest handle that the source may still use; 0: none.
  virtual DraftHandle oldest_kept() const { return 0; }
  // Rows of the group whose anchor stands just before the newest token; 0: there is no such group.
  virtual int fresh_rows() const { return 0; }
};

}  // namespace pass
