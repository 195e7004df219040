#include "core/model/ops/bf16_linear.h"

#include <algorithm>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace pass::kernels {

void PackLinear(const Bf16* weight, int64_t out, int64_t in, Bf16* packed) {
  for (int64_t block = 0; block < LinearBlocks(out); ++block) {
    for (int64_t column = 0; column < kLinearBlock; ++column) {
      const int64_t o = block * kLinearBlock + column;
      for (int64_t i = 0; i < in; ++i) {
        const int64_t to = ((block * in / 2 + i / 2) * kLinearBlock + column) * 2 + i % 2;
        packed[to] = o < out ? weight[o * in + i] : Bf16{0};
      }
    }
  }
}

#if defined(__AVX512BF16__)
namespace {

constexpr int kTileRows = 6;  // 6 rows x 4 registers of 16 outputs: 24 of the 32 registers hold sums
constexpr int kRegisters = 4;
constexpr int64_t kPrefetchBytes = 4096;  // ahead of the stream of weights, into the second-level cache

inline void Store(__m512 sums, __mmask16 columns, Bf16* y) {
  _mm256_mask_storeu_epi16(y, columns, (__m256i)_mm512_cvtneps_pbh(sums));
}
inline void Store(__m512 sums, __mmask16 columns, float* y) { _mm512_mask_storeu_ps(y, columns, sums); }

// kRows rows of one block.
template <int kRows, typename Out>
void MultiplyTile(const Bf16* x, const Bf16* packed, int64_t out, int64_t in, Out* y, int64_t columns) {
  __m512 sums[kRows][kRegisters];
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kRegisters; ++c) sums[r][c] = _mm512_setzero_ps();
  }
  for (int64_t pair = 0; pair < in / 2; ++pair) {
    const Bf16* w = packed + pair * 2 * kLinearBlock;
    __m512bh weights[kRegisters];
    for (int c = 0; c < kRegisters; ++c) {
      _mm_prefetch(reinterpret_cast<const char*>(w + 32 * c) + kPrefetchBytes, _MM_HINT_T0);
      weights[c] = (__m512bh)_mm512_loadu_si512(w + 32 * c);
    }
    for (int r = 0; r < kRows; ++r) {
      int32_t inputs;
      std::memcpy(&inputs, x + r * in + 2 * pair, sizeof(inputs));
      const __m512bh both = (__m512bh)_mm512_set1_epi32(inputs);
      for (int c = 0; c < kRegisters; ++c) sums[r][c] = _mm512_dpbf16_ps(sums[r][c], weights[c], both);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kRegisters; ++c) {
      const int64_t left = std::clamp<int64_t>(columns - 16 * c, 0, 16);
      Store(sums[r][c], static_cast<__mmask16>((1u << left) - 1), y + r * out + 16 * c);
    }
  }
}

template <int kRows = kTileRows, typename Out>
void MultiplyRows(int64_t rows, const Bf16* x, const Bf16* packed, int64_t out, int64_t in, Out* y,
                  int64_t columns) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyRows<kRows - 1>(rows, x, packed, out, in, y, columns);
  }
  MultiplyTile<kRows>(x, packed, out, in, y, columns);
}

}  // namespace
#endif

template <typename Out>
void MultiplyBlocks([[maybe_unused]] const Bf16* x, [[maybe_unused]] int64_t rows,
                    [[maybe_unused]] const Bf16* packed, [[maybe_unused]] int64_t out,
                    [[maybe_unused]] int64_t in, [[maybe_unused]] Out* y, [[maybe_unused]] int64_t begin,
                    [[maybe_unused]] int64_t end) {
#if defined(__AVX512BF16__)
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kLinearBlock;
    for (int64_t row = 0; row < rows; row += kTileRows) {
      MultiplyRows(std::min<int64_t>(kTileRows, rows - row), x + row * in, packed + first * in, out, in,
                   y + row * out + first, std::min(kLinearBlock, out - first));
    }
  }
#endif
}

template void MultiplyBlocks(const Bf16*, int64_t, const Bf16*, int64_t, int64_t, Bf16*, int64_t, int64_t);
template void MultiplyBlocks(const Bf16*, int64_t, const Bf16*, int64_t, int64_t, float*, int64_t, int64_t);

}  // namespace pass::kernels
