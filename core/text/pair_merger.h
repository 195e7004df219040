// Byte-pair encoding of one piece: its characters (or bytes) become symbols, and the neighbouring pair of the
// lowest rank is merged, leftmost first, until no pair has a merge. Symbols are a linked list and pairs a heap:
// n log n in the piece's length. Immutable after it is filled and thread-safe; the caller brings the scratch
// memory.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/token_id.h"

namespace pass {

class PairMerger {
 public:
  // Reused from piece to piece, so that encoding allocates nothing for most of them. One owner at a time.
  struct Scratch {
    struct Symbol {
      TokenId id;     // kGone: merged into its left neighbour
      uint32_t rank;  // of the merge with `next`; kNoRank: none
      uint32_t left;  // neighbours, as indices; kNone at the ends
      uint32_t right;
    };
    std::vector<Symbol> symbols;
    std::vector<uint64_t> heap;  // rank << 32 | index of the left symbol; entries whose rank is no longer the
                                 // symbol's are stale
  };

  PairMerger() { byte_ids_.fill(kGone); }

  // The token of a byte that has no character's token. In a byte-level vocabulary no character has one.
  void SetByte(uint8_t byte, TokenId id) { byte_ids_[byte] = id; }
  bool HasByte(uint8_t byte) const { return byte_ids_[byte] != kGone; }
  // The token of one whole UTF-8 character.
  void SetCharacter(char32_t character, TokenId id) { character_ids_.insert_or_assign(character, id); }
  // Of the same pair, the last call counts.
  void SetMerge(TokenId left, TokenId right, uint32_t rank, TokenId merged);

  // Appends the ids of `piece`. Bytes that have no token are dropped before merges apply.
  // `piece` is shorter than 2^32 - 1 bytes.
  void Encode(std::string_view piece, Scratch* scratch, std::vector<TokenId>* ids) const;

 private:
  static constexpr TokenId kGone = -1;
  static constexpr uint32_t kNoRank = UINT32_MAX;
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Merge {
    uint32_t rank;
    TokenId merged;
  };

  static uint64_t Key(TokenId left, TokenId right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  void MakeSymbols(std::string_view piece, std::vector<Scratch::Symbol>* symbols) const;
  void MakeByteSymbols(std::string_view bytes, std::vector<Scratch::Symbol>* symbols) const;
  uint32_t RankOfPairAt(const std::vector<Scratch::Symbol>& symbols, uint32_t index) const;
  void MergeAt(uint32_t index, Scratch* scratch) const;

  std::array<TokenId, 256> byte_ids_;
  absl::flat_hash_map<char32_t, TokenId> character_ids_;
  absl::flat_hash_map<uint64_t, Merge> merges_;
};

}  // namespace pass
