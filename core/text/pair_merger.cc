#include "core/text/pair_merger.h"

#include <algorithm>
#include <functional>

#include "core/base/utf8.h"

namespace pass {

void PairMerger::SetMerge(TokenId left, TokenId right, uint32_t rank, TokenId merged) {
  merges_.insert_or_assign(Key(left, right), Merge{rank, merged});
}

uint32_t PairMerger::RankOfPairAt(const std::vector<Scratch::Symbol>& symbols, uint32_t index) const {
  const uint32_t right = symbols[index].right;
  if (right == kNone) return kNoRank;
  const auto found = merges_.find(Key(symbols[index].id, symbols[right].id));
  return found == merges_.end() ? kNoRank : found->second.rank;
}

void PairMerger::MakeByteSymbols(std::string_view bytes, std::vector<Scratch::Symbol>* symbols) const {
  for (const char byte : bytes) {
    const TokenId id = byte_ids_[static_cast<uint8_t>(byte)];
    if (id == kGone) continue;
    const auto index = static_cast<uint32_t>(symbols->size());
    symbols->push_back({id, kNoRank, index - 1, index + 1});  // the first one's left wraps to kNone
  }
}

void PairMerger::MakeSymbols(std::string_view piece, std::vector<Scratch::Symbol>* symbols) const {
  if (character_ids_.empty()) return MakeByteSymbols(piece, symbols);
  while (!piece.empty()) {
    const Utf8Step step = NextUtf8(piece);
    const std::string_view character = piece.substr(0, step.length);
    const auto found =
        step.kind == Utf8Kind::kCharacter ? character_ids_.find(CodePoint(character)) : character_ids_.end();
    if (found == character_ids_.end()) {
      MakeByteSymbols(character, symbols);
    } else {
      const auto index = static_cast<uint32_t>(symbols->size());
      symbols->push_back({found->second, kNoRank, index - 1, index + 1});
    }
    piece.remove_prefix(step.length);
  }
}

void PairMerger::Encode(std::string_view piece, Scratch* scratch, std::vector<TokenId>* ids) const {
  auto& [symbols, heap] = *scratch;
  symbols.clear();
  MakeSymbols(piece, &symbols);
  if (symbols.empty()) return;
  symbols.back().right = kNone;

  heap.clear();
  for (uint32_t i = 0; i < symbols.size(); ++i) {
    symbols[i].rank = RankOfPairAt(symbols, i);
    if (symbols[i].rank != kNoRank) heap.push_back(static_cast<uint64_t>(symbols[i].rank) << 32 | i);
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  while (!heap.empty()) {
    const uint64_t entry = heap.front();
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.pop_back();
    const auto index = static_cast<uint32_t>(entry);
    if (symbols[index].rank == entry >> 32) MergeAt(index, scratch);
  }
  for (uint32_t i = 0; i != kNone; i = symbols[i].right) ids->push_back(symbols[i].id);
}

void PairMerger::MergeAt(uint32_t index, Scratch* scratch) const {
  std::vector<Scratch::Symbol>& symbols = scratch->symbols;
  std::vector<uint64_t>& heap = scratch->heap;
  const auto refresh = [&](uint32_t at) {
    symbols[at].rank = RankOfPairAt(symbols, at);
    if (symbols[at].rank == kNoRank) return;
    heap.push_back(static_cast<uint64_t>(symbols[at].rank) << 32 | at);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  Scratch::Symbol& left = symbols[index];
  Scratch::Symbol& right = symbols[left.right];
  left.id = merges_.find(Key(left.id, right.id))->second.merged;
  right.id = kGone;
  right.rank = kNoRank;
  left.right = right.right;
  if (left.right != kNone) symbols[left.right].left = index;
  refresh(index);
  if (left.left != kNone) refresh(left.left);
}

}  // namespace pass
