// The candidates for a sequence's next tokens, as a tree. Its root is the newest token. A node at depth d is
// a candidate for the token of index position + d.
//
// After the forward comes the walk. It begins at the root. It goes on to the child whose token is the target
// token drawn at the node, as long as there is such a child with a row. A node's reach is the probability
// that the walk comes to it.
//
// Invariants: a parent comes before its children. Siblings have different tokens. A node's reach is at most
// its parent's, and the reaches of siblings sum to no more than their parent's.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/decode/draft_origin.h"
#include "core/language_model/language_model.h"

namespace pass {

// What the sources say of one candidate, a value for each source:
//   kSilent               the source names no candidate behind this node
//   kAgainst              it names candidates there, but not this one
//   kWeakest and higher   it names this one; its own scale, up to kMaxStrength
inline constexpr uint8_t kSilent = 0;
inline constexpr uint8_t kAgainst = 1;
inline constexpr uint8_t kWeakest = 2;
inline constexpr uint8_t kMaxStrength = 15;
using Evidence = std::array<uint8_t, kNumDraftOrigins>;  // by DraftOrigin

// The first source that names the candidate.
DraftOrigin OriginOf(const Evidence& evidence);

struct DraftNode {
  TokenId token = 0;
  int parent = -1;  // the root's is -1
  int depth = 0;
  double reach = 1.0;      // estimated, while every candidate on the way has a row
  Evidence evidence = {};  // unused at the root
  DraftHandle next = 0;    // Proposal::next of the proposal made behind this node; 0: none was made
};

class DraftTree {
 public:
  // Leaves the root alone. `text`: everything that is decided, the newest token last; borrowed until the next
  // Reset.
  void Reset(std::span<const TokenId> text);

  int size() const { return static_cast<int>(nodes_.size()); }
  const DraftNode& operator[](int node) const { return nodes_[node]; }
  std::span<const TokenId> text() const { return text_; }

  // Adds a node behind `parent`. `probability`: that the target token there is this one, if the walk comes to
  // `parent`.
  int Add(int parent, TokenId token, double probability, const Evidence& evidence);
  void SetNext(int node, DraftHandle next) { nodes_[node].next = next; }

  // The child of `node` with this token; -1: there is none.
  int Child(int node, TokenId token) const;
  // The last tokens up to and with `node`: its path from the root, and the text before that. They come in
  // order, as many as `tokens` holds or as there are. Returns the part of `tokens` that was filled.
  std::span<const TokenId> Ending(int node, std::span<TokenId> tokens) const;

 private:
  std::span<const TokenId> text_;
  std::vector<DraftNode> nodes_;
};

}  // namespace pass
