// Stores of the bf16 linears: for files that are compiled for AVX512-BF16, and for them alone.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>

#include "core/kernels/linear.h"

namespace pass::kernels {

inline void StoreMasked(__m512 sums, __mmask16 columns, Bf16* y) {
  _mm256_mask_storeu_epi16(y, columns, (__m256i)_mm512_cvtneps_pbh(sums));
}
inline void StoreMasked(__m512 sums, __mmask16 columns, float* y) { _mm512_mask_storeu_ps(y, columns, sums); }

// The first `left` of 16 sums to y, none if there are fewer than one.
template <typename Out>
inline void StoreColumns(__m512 sums, int64_t left, Out* y) {
  const auto count = static_cast<unsigned>(std::clamp<int64_t>(left, 0, 16));
  StoreMasked(sums, static_cast<__mmask16>((1u << count) - 1), y);
}

// The first `columns` of 32 sums, a block's.
inline void StoreBlock(__m512 left, __m512 right, int64_t columns, float* y) {
  StoreColumns(left, columns, y);
  StoreColumns(right, columns - 16, y + 16);
}
inline void StoreBlock(__m512 left, __m512 right, int64_t columns, Bf16* y) {
  const auto mask = static_cast<__mmask32>((uint64_t{1} << columns) - 1);
  _mm512_mask_storeu_epi16(y, mask, (__m512i)_mm512_cvtne2ps_pbh(right, left));
}

}  // namespace pass::kernels
