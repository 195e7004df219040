// Numbers of either compute type, for tests of kernels.
#pragma once

#include <bit>
#include <cstdint>
#include <random>
#include <vector>

#include "core/kernels/linear.h"

namespace pass::kernels {

inline float Wide(float x) { return x; }
inline float Wide(Bf16 x) { return std::bit_cast<float>(static_cast<uint32_t>(x.bits) << 16); }
inline void Set(float value, float* out) { *out = value; }
inline void Set(float value, Bf16* out) {
  out->bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16);
}

// Of mean 0 and variance 1.
template <typename T>
std::vector<T> Random(int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<T> values(count);
  for (T& value : values) Set(normal(random), &value);
  return values;
}

}  // namespace pass::kernels
