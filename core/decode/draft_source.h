// Where the candidates of a tree come from. The target token is drawn first and then looked for among the candidates,
// so that any mixture of sources leaves the output as it is; a source decides the speed alone.
//
// Owner: one TreeDecoder, that is one request: what a source has seen is never shared between requests.
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
  uint8_t strength = kWeakest;  // how sure the source is, on its own scale: kWeakest to kMaxStrength
};

// The look-ahead rows behind one token, as the model knows them: [LA]_1's handle first.
struct LookaheadGroup {
  int32_t anchor = 0;  // index of the token that the group stands behind
  std::vector<DraftHandle> rows;
};

// What a step leaves behind for the next one.
struct StepEnd {
  int32_t frontier = 0;                    // index of the newest token
  std::span<const LookaheadGroup> groups;  // behind the accepted nodes, in the order of the text
  DraftHandle next = 0;                    // recurrent step behind the last accepted node; 0: there is none
};

class DraftSource {
 public:
  virtual ~DraftSource() = default;

  // A step begins: the text of the frontier is all that is decided.
  virtual void Begin(const Frontier& frontier) = 0;

  // What to ask the model before Drafts is called for `node`; nothing if the source does not need the model there.
  virtual std::optional<ProposalRequest> Ask(const DraftTree& /*tree*/, int /*node*/) const {
    return std::nullopt;
  }
  // Candidates for the token behind `node`, all different, best first. `proposal`: what the model proposes
  // there, or null.
  virtual std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) = 0;

  // A row of the step: its token, and the target token drawn behind it, whether the row was accepted or not.
  virtual void Learn(TokenId /*token*/, TokenId /*target*/) {}

  // A step ends.
  virtual void Keep(const StepEnd& /*end*/) {}
  // The oldest handle that the source may still ask about; 0: none.
  virtual DraftHandle oldest_kept() const { return 0; }
  // Look-ahead rows of the group that stands just before the newest token; 0: there is none.
  virtual int fresh_rows() const { return 0; }
};

}  // namespace pass
