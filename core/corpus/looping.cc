#include "core/corpus/looping.h"

#include <array>
#include <cstddef>
#include <set>

namespace pass {
namespace {

constexpr size_t kGram = 4;
constexpr double kDistinctShare = 0.6;

}  // namespace

bool IsLooping(std::span<const TokenId> ids) {
  if (ids.size() < kGram) return false;
  std::set<std::array<TokenId, kGram>> distinct;
  const size_t count = ids.size() - kGram + 1;
  for (size_t i = 0; i < count; ++i) distinct.insert({ids[i], ids[i + 1], ids[i + 2], ids[i + 3]});
  return static_cast<double>(distinct.size()) < kDistinctShare * static_cast<double>(count);
}

}  // namespace pass
