// Where a page of the cache has the numbers of one key-value head. As many numbers as fill 32 bits stand together: two of bf16,
// one of fp32. So one register holds whole pairs, which widen by a shift and a mask, and which bf16 instructions multiply as
// they are.
//   keys    [head_dim / n, kPageTokens, n]   numbers of one token: a block's scores need no horizontal sums
//   values  [kPageTokens / n, head_dim, n]   numbers of one dimension
#pragma once

#include <cstdint>

#include "core/kernels/attention_plan.h"

namespace pass {

template <typename T>
inline constexpr int kTogether = 4 / static_cast<int>(sizeof(T));

// Number `d` of a token's key.
template <typename T>
constexpr int64_t KeyPlace(int64_t token, int64_t d) {
  return (d / kTogether<T> * kPageTokens + token) * kTogether<T> + d % kTogether<T>;
}

// Number `d` of a token's value.
template <typename T>
constexpr int64_t ValuePlace(int64_t token, int64_t d, int64_t head_dim) {
  return (token / kTogether<T> * head_dim + d) * kTogether<T> + token % kTogether<T>;
}

}  // namespace pass
