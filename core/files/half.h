// 16-bit floats to float32, exactly. Pure functions, thread-safe.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/base/half.h"

namespace pass {

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
