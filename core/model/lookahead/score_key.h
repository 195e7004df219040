// A score and a token as one whole number, which is larger for the better of two: for the larger score, and of equal scores for
// the lower token. Scores are numbers or infinities; both zeros are one.
#pragma once

#include <bit>
#include <cstdint>

#include "core/base/token_id.h"

namespace pass {

inline uint64_t KeyOf(float score, TokenId id) {
  const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);  // adding 0 makes the two zeros one
  const uint32_t ordered = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return uint64_t{ordered} << 32 | ~static_cast<uint32_t>(id);
}

inline float ScoreOfKey(uint64_t key) {
  const auto ordered = static_cast<uint32_t>(key >> 32);
  return std::bit_cast<float>(ordered >> 31 != 0 ? ordered & 0x7fffffffu : ~ordered);
}

inline TokenId TokenOfKey(uint64_t key) { return static_cast<TokenId>(~static_cast<uint32_t>(key)); }

}  // namespace pass
