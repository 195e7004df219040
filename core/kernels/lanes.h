// Sixteen floats that a kernel computes with at once. For the files that are compiled once per instruction set, and for
// them alone: PASS_KERNEL_ISA names the namespace, so that no two of them share an inline function.
#pragma once

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/kernels/kernels.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int kLanes = 16;

// 16 floats (or ints) that are computed with at once; GCC splits them where registers are shorter. Left to itself it
// vectorises these loops across the wrong dimension.
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Lanes Load(const float* x) {
  Lanes lanes;
  __builtin_memcpy(&lanes, x, sizeof(lanes));
  return lanes;
}
inline void Store(Lanes lanes, float* x) { __builtin_memcpy(x, &lanes, sizeof(lanes)); }
inline Lanes Broadcast(float x) { return x - Lanes{}; }

inline float Widen(float x) { return x; }
inline float Widen(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

inline void Narrow(float x, float* out) { *out = x; }
// Round to nearest even; a NaN stays a NaN.
inline void Narrow(float x, Bf16* out) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  out->bits = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

// exp for x <= 88, relative error below 2e-7; 0 below -87.3. exp(x) = 2^n exp(r) with n = round(x / ln 2), rounded by
// adding and subtracting 1.5 * 2^23, and a degree-6 polynomial for |r| <= ln 2 / 2 (Taylor).
inline Lanes Exp(Lanes x) {
  const Lanes clamped = x < -87.3f ? Broadcast(-87.3f) : x;
  const Lanes n = (clamped * 1.44269504f + 12582912.0f) - 12582912.0f;
  const Lanes r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Lanes poly = Broadcast(1.0f / 720);
  poly = poly * r + 1.0f / 120;
  poly = poly * r + 1.0f / 24;
  poly = poly * r + 1.0f / 6;
  poly = poly * r + 0.5f;
  poly = poly * r + 1.0f;
  poly = poly * r + 1.0f;
  const IntLanes exponent = (__builtin_convertvector(n, IntLanes) + 127) << 23;
  Lanes scale;
  __builtin_memcpy(&scale, &exponent, sizeof(scale));
  return x < -87.3f ? Lanes{} : poly * scale;
}
inline float Exp(float x) { return Exp(Broadcast(x))[0]; }

// Sixteen numbers as two, which are left in the first lanes: f combines the halves, and theirs again.
template <typename V, typename F>
inline V FoldToTwo(V x, F f) {
  x = f(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = f(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  return f(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
}

template <typename V>
inline auto SumLanes(V x) {
  x = FoldToTwo(x, [](V a, V b) { return a + b; });
  return x[0] + x[1];
}

template <typename V>
inline V Larger(V a, V b) {
  return a > b ? a : b;
}

template <typename V>
inline auto MaxLanes(V x) {
  x = FoldToTwo(x, [](V a, V b) { return Larger(a, b); });
  return std::max(x[0], x[1]);
}

// 16 numbers as fp32.
inline Lanes LoadWide(const float* x) { return Load(x); }
inline Lanes LoadWide(const Bf16* x) {
#if defined(__AVX512F__)  // what GCC 12 makes of the lines below takes five instructions in place of two
  const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x));
  return (Lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32(packed), 16);
#else
  typedef uint16_t ShortLanes __attribute__((vector_size(kLanes * sizeof(uint16_t))));
  ShortLanes halves;
  __builtin_memcpy(&halves, x, sizeof(halves));
  const IntLanes bits = __builtin_convertvector(halves, IntLanes) << 16;
  Lanes lanes;
  __builtin_memcpy(&lanes, &bits, sizeof(lanes));
  return lanes;
#endif
}

// 16 numbers rounded as Narrow does.
inline void StoreNarrow(Lanes lanes, float* x) { Store(lanes, x); }
inline void StoreNarrow(Lanes lanes, Bf16* x) {
#if defined(__AVX512BF16__)  // one instruction, which makes denormals zero
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(x), (__m256i)_mm512_cvtneps_pbh((__m512)lanes));
#else
  typedef uint32_t BitLanes __attribute__((vector_size(kLanes * sizeof(uint32_t))));
  typedef uint16_t ShortLanes __attribute__((vector_size(kLanes * sizeof(uint16_t))));
  BitLanes bits;
  __builtin_memcpy(&bits, &lanes, sizeof(bits));
  const BitLanes rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const BitLanes kept = (bits & 0x7fffffffu) > 0x7f800000u ? BitLanes{} + 0x7fc0u : rounded;
  const ShortLanes halves = __builtin_convertvector(kept, ShortLanes);
  __builtin_memcpy(x, &halves, sizeof(halves));
#endif
}

inline int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The same for the first `count` of them, at most kLanes; the lanes behind are 0.
template <typename T>
inline Lanes LoadWide(const T* x, int64_t count) {
  if (count >= kLanes) return LoadWide(x);
  Lanes lanes = {};
  for (int64_t l = 0; l < count; ++l) lanes[l] = Widen(x[l]);
  return lanes;
}
template <typename T>
inline void StoreNarrow(Lanes lanes, T* x, int64_t count) {
  if (count >= kLanes) return StoreNarrow(lanes, x);
  for (int64_t l = 0; l < count; ++l) Narrow(lanes[l], &x[l]);
}

// x / (1 + e^-x).
inline Lanes Silu(Lanes x) {
  const Lanes bounded = x < -87.0f ? Broadcast(-87.0f) : x;
  return x / (1.0f + Exp(-bounded));
}

// 1 - 2 / (e^2x + 1).
inline Lanes Tanh(Lanes x) {
  const Lanes bounded = x > 40.0f ? Broadcast(40.0f) : x;
  return 1.0f - 2.0f / (Exp(2.0f * bounded) + 1.0f);
}

// x (1 + tanh(u)) / 2 = x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
inline Lanes GeluTanh(Lanes x) {
  const Lanes twice = 1.59576912f * (x + 0.044715f * x * x * x);
  const Lanes bounded = twice < -87.0f ? Broadcast(-87.0f) : twice;
  return x / (1.0f + Exp(-bounded));
}

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
