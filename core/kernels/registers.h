// One register of floats, and what is computed in one. For the files that are compiled once per instruction set, and for
// them alone: PASS_KERNEL_ISA names the namespace, so that no two of them share an inline function.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <bit>
#include <cstdint>

#include "core/kernels/linear.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// Floats of a register, and how many registers hold sums: a few must be left for what is multiplied.
#if defined(__AVX512F__)
constexpr int kRegisterWidth = 16, kSumRegisters = 24;
#elif defined(__AVX2__)
constexpr int kRegisterWidth = 8, kSumRegisters = 12;
#else
constexpr int kRegisterWidth = 4, kSumRegisters = 12;
#endif
typedef float Register __attribute__((vector_size(kRegisterWidth * sizeof(float))));
typedef int32_t IntRegister __attribute__((vector_size(kRegisterWidth * sizeof(int32_t))));
typedef uint32_t BitRegister __attribute__((vector_size(kRegisterWidth * sizeof(uint32_t))));
typedef uint16_t HalfRegister __attribute__((vector_size(kRegisterWidth * sizeof(uint16_t))));

template <typename T>
inline Register LoadRegister(const T* from) {
  Register loaded;
  __builtin_memcpy(&loaded, from, sizeof(loaded));
  return loaded;
}
inline void StoreRegister(Register values, float* to) { __builtin_memcpy(to, &values, sizeof(values)); }
inline Register FillRegister(float x) { return x - Register{}; }

inline float Widen(float x) { return x; }
inline float Widen(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }

inline void Narrow(float x, float* out) { *out = x; }
// Round to nearest even; a NaN stays a NaN.
inline void Narrow(float x, Bf16* out) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  out->bits = static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

// A register of numbers as fp32. Intrinsics where GCC 12 makes several instructions of a conversion.
inline Register WidenRegister(const float* from) { return LoadRegister(from); }
inline Register WidenRegister(const Bf16* from) {
#if defined(__AVX512F__)
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return (Register)_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16);
#elif defined(__AVX2__)
  const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  return (Register)_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
#else
  HalfRegister halves;
  __builtin_memcpy(&halves, from, sizeof(halves));
  return (Register)(__builtin_convertvector(halves, BitRegister) << 16);
#endif
}

// The numbers of one register's words as fp32: number i of each word in wide[i].
inline void WidenTogether(const float* from, Register (&wide)[1]) { wide[0] = LoadRegister(from); }
inline void WidenTogether(const Bf16* from, Register (&wide)[2]) {
  BitRegister words;
  __builtin_memcpy(&words, from, sizeof(words));
  wide[0] = (Register)(words << 16);
  wide[1] = (Register)(words & 0xffff0000u);
}

// A register of numbers rounded as Narrow does.
inline void NarrowRegister(Register values, float* to) { StoreRegister(values, to); }
inline void NarrowRegister(Register values, Bf16* to) {
#if defined(__AVX512BF16__)  // one instruction, which makes denormals zero
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh((__m512)values));
#else
  const BitRegister bits = (BitRegister)values;
  const BitRegister rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const IntRegister is_nan = (IntRegister)(bits & 0x7fffffffu) > 0x7f800000;
  const BitRegister kept = is_nan ? BitRegister{} + 0x7fc0u : rounded;
#if defined(__AVX2__) && !defined(__AVX512F__)
  const __m128i halves =
      _mm_packus_epi32(_mm256_castsi256_si128((__m256i)kept), _mm256_extracti128_si256((__m256i)kept, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), halves);
#else
  const HalfRegister halves = __builtin_convertvector(kept, HalfRegister);
  __builtin_memcpy(to, &halves, sizeof(halves));
#endif
#endif
}

// a * b + c, rounded once where the CPU can. Of a * b + c * d the compiler might round either product: for sums that must not
// depend on what stands beside them.
inline Register MultiplyAdd(Register a, Register b, Register c) {
#if defined(__AVX512F__)
  return (Register)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Register)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

inline Register Larger(Register a, Register b) { return a > b ? a : b; }

// Whether any number of a is above that of b.
inline bool AnyAbove(Register a, Register b) {
#if defined(__AVX512F__)
  return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)a, (__m256)b, _CMP_GT_OQ)) != 0;
#else
  const IntRegister above = a > b;
  return (above[0] | above[1] | above[2] | above[3]) != 0;
#endif
}

// exp for x <= 88, relative error below 2e-7; 0 below -87.3. exp(x) = 2^n exp(r) with n = round(x / ln 2), rounded by
// adding and subtracting 1.5 * 2^23, and a degree-6 polynomial for |r| <= ln 2 / 2 (Taylor).
inline Register Exponential(Register x) {
  const Register clamped = x < -87.3f ? FillRegister(-87.3f) : x;
  const Register n = (clamped * 1.44269504f + 12582912.0f) - 12582912.0f;
  const Register r = (clamped - n * 0.693359375f) - n * -2.12194440e-4f;
  Register poly = FillRegister(1.0f / 720);
  poly = poly * r + 1.0f / 120;
  poly = poly * r + 1.0f / 24;
  poly = poly * r + 1.0f / 6;
  poly = poly * r + 0.5f;
  poly = poly * r + 1.0f;
  poly = poly * r + 1.0f;
  const IntRegister exponent = (__builtin_convertvector(n, IntRegister) + 127) << 23;
  return x < -87.3f ? Register{} : poly * (Register)exponent;
}

// x / (1 + e^-u).
inline Register Gated(Register x, Register u) {
  const Register bounded = u < -87.0f ? FillRegister(-87.0f) : u;
  return x / (1.0f + Exponential(-bounded));
}

// `op` of all numbers of a register, in a fixed tree.
template <typename Op>
inline float Reduce(Register x, Op op) {
#if defined(__AVX512F__)
  x = op(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = op(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  x = op(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
#elif defined(__AVX2__)
  x = op(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3));
  x = op(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5));
#else
  x = op(x, __builtin_shufflevector(x, x, 2, 3, 0, 1));
#endif
  return op(FillRegister(x[0]), FillRegister(x[1]))[0];
}

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
