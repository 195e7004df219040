// Sixteen floats that a kernel computes with at once, whatever the width of a register, so that every instruction set adds
// in one order. For the files that are compiled once per instruction set, and for them alone; see registers.h.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/kernels/kernels.h"
#include "core/kernels/registers.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int kLanes = 16;
constexpr int kLaneParts = kLanes / kRegisterWidth;

typedef int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(int32_t))));

#if defined(__AVX512F__)
typedef Register Lanes;
inline Register& PartOf(Lanes& lanes, int) { return lanes; }
inline const Register& PartOf(const Lanes& lanes, int) { return lanes; }
inline Lanes Broadcast(float x) { return FillRegister(x); }
#else
// A vector type of GCC's own of so many lanes is computed number by number where registers are shorter.
struct Lanes {
  Register parts[kLaneParts];

  Lanes() = default;
  Lanes(float x) {  // NOLINT(google-explicit-constructor): as a vector type takes one
    for (Register& part : parts) part = FillRegister(x);
  }
  float operator[](int lane) const { return parts[lane / kRegisterWidth][lane % kRegisterWidth]; }
};
inline Register& PartOf(Lanes& lanes, int part) { return lanes.parts[part]; }
inline const Register& PartOf(const Lanes& lanes, int part) { return lanes.parts[part]; }
inline Lanes Broadcast(float x) { return x; }
#endif

// f of each part.
template <typename F, typename... Ts>
inline Lanes ForParts(F f, const Ts&... lanes) {
  Lanes results;
  for (int part = 0; part < kLaneParts; ++part) PartOf(results, part) = f(PartOf(lanes, part)...);
  return results;
}

#if !defined(__AVX512F__)
inline Lanes operator+(const Lanes& a, const Lanes& b) {
  return ForParts([](Register x, Register y) { return x + y; }, a, b);
}
inline Lanes operator-(const Lanes& a, const Lanes& b) {
  return ForParts([](Register x, Register y) { return x - y; }, a, b);
}
inline Lanes operator*(const Lanes& a, const Lanes& b) {
  return ForParts([](Register x, Register y) { return x * y; }, a, b);
}
inline Lanes operator/(const Lanes& a, const Lanes& b) {
  return ForParts([](Register x, Register y) { return x / y; }, a, b);
}
inline Lanes& operator+=(Lanes& a, const Lanes& b) { return a = a + b; }
inline Lanes Larger(const Lanes& a, const Lanes& b) {
  return ForParts([](Register x, Register y) { return Larger(x, y); }, a, b);
}
#endif

inline Lanes Load(const float* x) {
  Lanes lanes;
  for (int part = 0; part < kLaneParts; ++part) PartOf(lanes, part) = LoadRegister(x + part * kRegisterWidth);
  return lanes;
}
inline void Store(const Lanes& lanes, float* x) {
  for (int part = 0; part < kLaneParts; ++part) StoreRegister(PartOf(lanes, part), x + part * kRegisterWidth);
}

// 16 numbers as fp32.
template <typename T>
inline Lanes LoadWide(const T* x) {
  Lanes lanes;
  for (int part = 0; part < kLaneParts; ++part)
    PartOf(lanes, part) = WidenRegister(x + part * kRegisterWidth);
  return lanes;
}

// 16 numbers rounded as Narrow does.
template <typename T>
inline void StoreNarrow(const Lanes& lanes, T* x) {
  for (int part = 0; part < kLaneParts; ++part)
    NarrowRegister(PartOf(lanes, part), x + part * kRegisterWidth);
}

inline int64_t Smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The same for the first `count` of them, at most kLanes; the lanes behind are `otherwise`.
template <typename T>
inline Lanes LoadWide(const T* x, int64_t count, float otherwise = 0) {
  if (count >= kLanes) return LoadWide(x);
  float numbers[kLanes];
  for (int l = 0; l < kLanes; ++l) numbers[l] = l < count ? Widen(x[l]) : otherwise;
  return Load(numbers);
}
template <typename T>
inline void StoreNarrow(const Lanes& lanes, T* x, int64_t count) {
  if (count >= kLanes) return StoreNarrow(lanes, x);
  float numbers[kLanes];
  Store(lanes, numbers);
  for (int64_t l = 0; l < count; ++l) Narrow(numbers[l], &x[l]);
}

inline Lanes Exp(const Lanes& x) { return ForParts(Exponential, x); }

// x / (1 + e^-x).
inline Lanes Silu(const Lanes& x) {
  return ForParts([](Register part) { return Gated(part, part); }, x);
}

// 1 - 2 / (e^2x + 1).
inline Lanes Tanh(const Lanes& x) {
  return ForParts(
      [](Register part) {
        const Register bounded = part > 40.0f ? FillRegister(40.0f) : part;
        return 1.0f - 2.0f / (Exponential(2.0f * bounded) + 1.0f);
      },
      x);
}

// x (1 + tanh(u)) / 2 = x / (1 + e^-2u) with u = sqrt(2 / pi) (x + 0.044715 x^3).
inline Lanes GeluTanh(const Lanes& x) {
  return ForParts(
      [](Register part) { return Gated(part, 1.59576912f * (part + 0.044715f * part * part * part)); }, x);
}

// `op` of all lanes, in a fixed tree: halves first.
template <typename Op>
inline float ReduceLanes(Lanes x, Op op) {
  for (int half = kLaneParts / 2; half > 0; half /= 2) {
    for (int part = 0; part < half; ++part) PartOf(x, part) = op(PartOf(x, part), PartOf(x, part + half));
  }
  return Reduce(PartOf(x, 0), op);
}
inline float SumLanes(const Lanes& x) {
  return ReduceLanes(x, [](Register a, Register b) { return a + b; });
}
inline float MaxLanes(const Lanes& x) {
  return ReduceLanes(x, [](Register a, Register b) { return Larger(a, b); });
}

// Whether any lane is above the bound. A NaN is not.
inline bool AnyAbove(const Lanes& x, float bound) {
  bool any = false;
  for (int part = 0; part < kLaneParts; ++part) any |= AnyAbove(PartOf(x, part), FillRegister(bound));
  return any;
}

// The same of whole numbers; without AVX-512 loops that GCC vectorises.
inline int32_t SumLanes(const IntLanes& x) {
  int32_t numbers[kLanes], sum = 0;
  __builtin_memcpy(numbers, &x, sizeof(numbers));
  for (const int32_t number : numbers) sum += number;
  return sum;
}
#if defined(__AVX512F__)
inline IntLanes Larger(const IntLanes& a, const IntLanes& b) {
  return (IntLanes)_mm512_maskz_max_epi32(0xffff, (__m512i)a, (__m512i)b);
}
inline int32_t MaxLanes(IntLanes x) {
  x = Larger(x, __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  x = Larger(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
  x = Larger(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  return std::max(x[0], x[1]);
}
#else
inline IntLanes Larger(const IntLanes& a, const IntLanes& b) {
  int32_t numbers[kLanes], others[kLanes];
  __builtin_memcpy(numbers, &a, sizeof(numbers));
  __builtin_memcpy(others, &b, sizeof(others));
  for (int l = 0; l < kLanes; ++l) numbers[l] = std::max(numbers[l], others[l]);
  IntLanes larger;
  __builtin_memcpy(&larger, numbers, sizeof(larger));
  return larger;
}
inline int32_t MaxLanes(const IntLanes& x) {
  int32_t numbers[kLanes];
  __builtin_memcpy(numbers, &x, sizeof(numbers));
  int32_t most = numbers[0];
  for (const int32_t number : numbers) most = std::max(most, number);
  return most;
}
#endif

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
