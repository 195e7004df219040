// The candidates for a sequence's next tokens: a tree whose root is the newest token. A node at depth d is a
// candidate for the token of index position + d.
//
// Invariants: parents come before their children; siblings have different tokens; a node's reach is at most
// its parent's, and those of siblings sum to no more than it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/decode/draft_origin.h"
#include "core/language_model/language_model.h"

namespace pass {

// What each source says of a candidate. A source without any candidate behind the same node is silent; one
// that has others only is against it; higher values are the source's own scale, up to kMaxStrength.
inline constexpr uint8_t kSilent = 0;
inline constexpr uint8_t kAgainst = 1;
inline constexpr uint8_t kWeakest = 2;
inline constexpr uint8_t kMaxStrength = 15;
using Evidence = std::array<uint8_t, kNumDraftOrigins>;  // by DraftOrigin

// The first source that has the candidate.
DraftOrigin OriginOf(const Evidence& evidence);

struct DraftNode {
  TokenId token = 0;
  int parent = -1;  // the root's is -1
  int depth = 0;
  double reach = 1.0;      // how likely the walk from the root comes here
  Evidence evidence = {};  // not of the root
  DraftHandle next = 0;    // of the proposal made behind this node, for its grandchildren; 0: none was made
};

class DraftTree {
 public:
  // Only the root is left. `text`: everything decided, the newest token last; borrowed until the next Reset.
  void Reset(std::span<const TokenId> text);

  int size() const { return static_cast<int>(nodes_.size()); }
  const DraftNode& operator[](int node) const { return nodes_[node]; }
  std::span<const TokenId> text() const { return text_; }

  // Behind `parent`; `probability`: that the token there is this one, if the walk comes to `parent`.
  int Add(int parent, TokenId token, double probability, const Evidence& evidence);
  void SetNext(int node, DraftHandle next) { nodes_[node].next = next; }

  // The child of `node` with this token; -1: there is none.
  int Child(int node, TokenId token) const;
  // The last tokens of the text and the path that end with `node`, in order: as many as `tokens` holds, or as
  // there are. Returns the part of `tokens` that was filled.
  std::span<const TokenId> Ending(int node, std::span<TokenId> tokens) const;

 private:
  std::span<const TokenId> text_;
  std::vector<DraftNode> nodes_;
};

}  // namespace pass
