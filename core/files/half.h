// 16-bit floats to float32, exactly. Pure functions, thread-safe.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pass {

// Exponents differ by 112: the shifted bits are the value times 2^-112, subnormals included, and the product
// is exact. Infinities and NaNs keep the largest exponent.
inline float HalfToFloat(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const float magnitude = std::bit_cast<float>((bits & 0x7fffu) << 13) * 0x1p112f;
  const uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | special | sign);
}

inline float BFloat16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

// Mapped files need not be aligned for wider loads.
template <typename T>
T LoadUnaligned(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

inline float LoadHalf(const std::byte* at) { return HalfToFloat(LoadUnaligned<uint16_t>(at)); }

}  // namespace pass
