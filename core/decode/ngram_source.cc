#include "core/decode/ngram_source.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

// A collision costs a useless candidate and nothing else.
uint64_t HashOf(std::span<const TokenId> run) {
  uint64_t hash = run.size();
  for (TokenId token : run) {
    hash = (hash ^ static_cast<uint32_t>(token)) * 0x9E3779B97F4A7C15;
    hash ^= hash >> 32;
  }
  return hash;
}

}  // namespace

void NgramSource::Begin(const Frontier& frontier) {
  const std::span<const TokenId> text = frontier.text;
  for (; taken_in_ < text.size(); ++taken_in_) {
    for (size_t n = kShortest; n <= kLongest && n <= taken_in_; ++n) {
      continuations_[HashOf(text.subspan(taken_in_ - n, n))].Add(text[taken_in_]);
    }
  }
}

std::vector<Draft> NgramSource::Drafts(const DraftTree& tree, int node, const Proposal* /*proposal*/) {
  std::array<TokenId, kLongest> tokens;
  const std::span<const TokenId> ending = tree.Ending(node, tokens);
  for (size_t n = ending.size(); n >= kShortest; --n) {
    const auto found = continuations_.find(HashOf(ending.last(n)));
    if (found == continuations_.end()) continue;
    const LatestTwo& known = found->second;
    const auto strength = static_cast<uint8_t>(kWeakest + 1 + 2 * (n - kShortest) + (known.repeated ? 1 : 0));
    std::vector<Draft> drafts = {{known.latest, strength}};
    if (known.other >= 0) drafts.push_back({known.other, kWeakest});
    return drafts;
  }
  return {};
}

}  // namespace pass
