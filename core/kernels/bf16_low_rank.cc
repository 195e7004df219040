#include "core/kernels/bf16_low_rank.h"

#include <algorithm>
#include <cstring>

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace pass::kernels {

#if defined(__AVX512BF16__)
namespace {

constexpr int kTileRows = 8;                // with two chains each: 16 of the 32 registers hold sums
constexpr int64_t kAhead = 4096;            // bytes ahead in the stream of weights
constexpr int64_t kPairs = 2 * kPairBlock;  // numbers that one register holds

inline __m512i LoadWeights(const Bf16* packed) {
  _mm_prefetch(reinterpret_cast<const char*>(packed) + kAhead, _MM_HINT_T1);
  return _mm512_loadu_si512(packed);
}

// Two neighbouring inputs in every lane; one alone stands beside a zero.
inline __m512bh BroadcastPair(const Bf16* inputs) {
  int32_t both;
  std::memcpy(&both, inputs, sizeof(both));
  return (__m512bh)_mm512_set1_epi32(both);
}
inline __m512bh BroadcastOne(const Bf16* input) { return (__m512bh)_mm512_set1_epi32(input->bits); }

// One block of 16 inner numbers of kRows rows: two chains each, which take the pairs of inputs in turns.
template <int kRows>
inline void MultiplyInner(const Bf16* const* x, int64_t in, const Bf16* block, __m512* sums) {
  __m512 others[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = others[r] = _mm512_setzero_ps();
  int64_t i = 0;
  for (; i + 4 <= in; i += 4, block += 2 * kPairs) {
    const auto first = (__m512bh)LoadWeights(block), second = (__m512bh)LoadWeights(block + kPairs);
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm512_dpbf16_ps(sums[r], first, BroadcastPair(x[r] + i));
      others[r] = _mm512_dpbf16_ps(others[r], second, BroadcastPair(x[r] + i + 2));
    }
  }
  for (; i < in; i += 2, block += kPairs) {
    const auto weights = (__m512bh)LoadWeights(block);
    for (int r = 0; r < kRows; ++r) {
      const __m512bh inputs = i + 1 < in ? BroadcastPair(x[r] + i) : BroadcastOne(x[r] + i);
      sums[r] = _mm512_dpbf16_ps(sums[r], weights, inputs);
    }
  }
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_add_ps(sums[r], others[r]);
}

// One block of 16 outputs of kRows rows from their inner numbers [kRows, stride].
template <int kRows>
inline void MultiplyOuter(const float* inner, int64_t stride, int64_t pairs, const Bf16* block,
                          __m512* sums) {
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_setzero_ps();
  for (int64_t pair = 0; pair < pairs; ++pair) {
    const __m512i weights = LoadWeights(block + pair * kPairs);
    const auto first = (__m512)_mm512_slli_epi32(weights, 16);
    const auto second = (__m512)_mm512_and_si512(weights, _mm512_set1_epi32(static_cast<int>(0xffff0000u)));
    for (int r = 0; r < kRows; ++r) {
      const float* inputs = inner + r * stride + 2 * pair;
      sums[r] = _mm512_fmadd_ps(first, _mm512_set1_ps(inputs[0]), sums[r]);
      sums[r] = _mm512_fmadd_ps(second, _mm512_set1_ps(inputs[1]), sums[r]);
    }
  }
}

template <int kRows>
void AddTile(const LowRankData<Bf16>& data, const int64_t* rows, int64_t begin, int64_t end, float* inner) {
  const int64_t padded_rank = data.a.blocks() * kPairBlock;
  const Bf16* x[kRows];
  for (int r = 0; r < kRows; ++r) x[r] = data.x + rows[r] * data.a.in;
  __m512 sums[kRows];
  for (int64_t block = 0; block < data.a.blocks(); ++block) {
    MultiplyInner<kRows>(x, data.a.in, data.a.data + block * data.a.pairs() * kPairs, sums);
    for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(inner + r * padded_rank + block * kPairBlock, sums[r]);
  }
  for (int64_t block = begin; block < end; ++block) {
    MultiplyOuter<kRows>(inner, padded_rank, data.b.pairs(), data.b.data + block * data.b.pairs() * kPairs,
                         sums);
    const int64_t first = block * kPairBlock, left = std::min(kPairBlock, data.b.out - first);
    const auto columns = static_cast<__mmask16>((1u << left) - 1);
    for (int r = 0; r < kRows; ++r) {
      Bf16* y = data.y + rows[r] * data.b.out + first;
      const __m512i before = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(columns, y));
      const __m512 sum = _mm512_add_ps((__m512)_mm512_slli_epi32(before, 16), sums[r]);
      _mm256_mask_storeu_epi16(y, columns, (__m256i)_mm512_cvtneps_pbh(sum));
    }
  }
}

template <int kRows = kTileRows>
void AddRows(int64_t count, const LowRankData<Bf16>& data, const int64_t* rows, int64_t begin, int64_t end,
             float* inner) {
  if constexpr (kRows > 1) {
    if (count < kRows) return AddRows<kRows - 1>(count, data, rows, begin, end, inner);
  }
  AddTile<kRows>(data, rows, begin, end, inner);
}

}  // namespace
#endif

// Every thread that shares the outputs works out the inner numbers anew: cheaper than to wait for another.
void AddLowRank([[maybe_unused]] const LowRankData<Bf16>& data, [[maybe_unused]] int64_t begin,
                [[maybe_unused]] int64_t end, [[maybe_unused]] float* scratch) {
#if defined(__AVX512BF16__)
  for (int64_t first = 0; first < data.num_rows; first += kTileRows) {
    AddRows(std::min<int64_t>(kTileRows, data.num_rows - first), data, data.rows + first, begin, end,
            scratch);
  }
#endif
}

}  // namespace pass::kernels
