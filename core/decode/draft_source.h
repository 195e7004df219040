// Where candidates come from. Any mixture of sources is lossless, because the target token is drawn first and
// then looked for among the candidates; a source decides the speed alone.
//
// Owner: one TreeDecoder, that is one request: what a source has seen is never shared between requests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/decode/decoder.h"
#include "core/decode/draft_tree.h"

namespace pass {

struct Draft {
  TokenId token = 0;
  uint8_t strength = kWeakest;  // on the source's own scale, kWeakest to kMaxStrength
};

class DraftSource {
 public:
  virtual ~DraftSource() = default;

  // A step begins: the text of the frontier is all that is decided.
  virtual void Begin(const Frontier& frontier) = 0;

  // Candidates for the token behind `node`, all different, best first. `proposal`: what the model proposes
  // there, or null.
  virtual std::vector<Draft> Drafts(const DraftTree& tree, int node, const Proposal* proposal) = 0;

  // A row of the step: its token, and the target token drawn behind it, on the walk's path or off it.
  virtual void Learn(TokenId /*token*/, TokenId /*target*/) {}
};

}  // namespace pass
