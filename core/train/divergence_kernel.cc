#include "core/train/divergence_kernel.h"

#include <algorithm>
#include <bit>
#include <cmath>

// One body for every instruction set of x86-64 levels; the loader picks (GCC, "Function Multiversioning").
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PASS_FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define PASS_FOR_EACH_CPU
#endif

namespace pass::divergence_kernel {
namespace {

constexpr int kLanes = 32;  // independent partial sums, so that the loops become vector code

#define PASS_INLINE inline __attribute__((always_inline))

PASS_INLINE float Widen(uint16_t value) { return std::bit_cast<float>(static_cast<uint32_t>(value) << 16); }

PASS_INLINE uint16_t Narrow(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// e^x for x <= 88 within 2e-6 relative: 2^n times a polynomial of degree 5 (Taylor of 2^f, f in [-1/2, 1/2]).
PASS_INLINE float Exp(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  const float t = std::max(x, -87.0F) * 1.44269504F;
  const float shifted = t + kRound;
  const float f = t - (shifted - kRound);
  float y = 1.33335581e-3F;
  y = y * f + 9.61812911e-3F;
  y = y * f + 5.55041087e-2F;
  y = y * f + 2.40226507e-1F;
  y = y * f + 6.93147181e-1F;
  y = y * f + 1.0F;
  const uint32_t exponent = (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(kRound)) << 23;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(y) + exponent);
}

}  // namespace

PASS_FOR_EACH_CPU Summary Summarise(const uint16_t* logits, int64_t size) {
  const int64_t whole = size - size % kLanes;
  float top[kLanes], sums[kLanes];
  for (int l = 0; l < kLanes; ++l) top[l] = -INFINITY, sums[l] = 0;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) top[l] = std::max(top[l], Widen(logits[i + l]));
  }
  float max = -INFINITY;
  for (int l = 0; l < kLanes; ++l) max = std::max(max, top[l]);
  for (int64_t i = whole; i < size; ++i) max = std::max(max, Widen(logits[i]));
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) sums[l] += Exp(Widen(logits[i + l]) - max);
  }
  float sum = 0;
  for (int l = 0; l < kLanes; ++l) sum += sums[l];
  for (int64_t i = whole; i < size; ++i) sum += Exp(Widen(logits[i]) - max);
  int64_t argmax = 0;
  while (argmax + 1 < size && Widen(logits[argmax]) != max) ++argmax;
  return {max + std::log(sum), static_cast<int32_t>(argmax)};
}

PASS_FOR_EACH_CPU Sums Diverge(uint16_t* student, float student_log_sum_exp, const uint16_t* teacher,
                               float teacher_log_sum_exp, float weight, float overlap_share, int64_t size) {
  float kl[kLanes], overlap[kLanes], below[kLanes];
  for (int l = 0; l < kLanes; ++l) kl[l] = 0, overlap[l] = 0, below[l] = 0;
  const auto measure = [&](int64_t i, int l) __attribute__((always_inline)) {
    const float log_q = Widen(student[i]) - student_log_sum_exp;
    const float log_p = Widen(teacher[i]) - teacher_log_sum_exp;
    const float q = Exp(log_q), p = Exp(log_p);
    kl[l] += p * (log_p - log_q);
    overlap[l] += std::min(p, q);
    below[l] += q < p ? q : 0.0F;
  };
  const int64_t whole = size - size % kLanes;
  for (int64_t i = 0; i < whole; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) measure(i + l, l);
  }
  for (int64_t i = whole; i < size; ++i) measure(i, 0);
  Sums sums{0, 0};
  float own_below = 0;
  for (int l = 0; l < kLanes; ++l) sums.kl += kl[l], sums.overlap += overlap[l], own_below += below[l];

  const float of_kl = weight * (1 - overlap_share);
  const float of_overlap = weight * overlap_share / std::max(sums.overlap, kLeastOverlap);
  for (int64_t i = 0; i < size; ++i) {
    const float q = Exp(Widen(student[i]) - student_log_sum_exp);
    const float p = Exp(Widen(teacher[i]) - teacher_log_sum_exp);
    student[i] = Narrow(of_kl * (q - p) - of_overlap * q * ((q < p ? 1.0F : 0.0F) - own_below));
  }
  return sums;
}

PASS_FOR_EACH_CPU void FlagAtLeast(const uint16_t* logits, float threshold, uint8_t* flags, int64_t size) {
  for (int64_t i = 0; i < size; ++i) flags[i] |= static_cast<uint8_t>(Widen(logits[i]) >= threshold);
}

}  // namespace pass::divergence_kernel
