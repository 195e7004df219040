#include <cstdint>

#include "core/files/decode_blocks.h"
#include "core/files/half.h"

namespace pass {
namespace {

constexpr size_t kHalf = 16;  // elements: nibble i of a block is the low half of byte i, i + 16 its high half

int Low(std::byte byte) { return std::to_integer<int>(byte) & 15; }
int High(std::byte byte) { return std::to_integer<int>(byte) >> 4; }
float Float(int value) { return static_cast<float>(value); }

// Bit i of `fifth_bits` stands above nibble i.
template <typename Value>
void DecodeFiveBits(const std::byte* fifth_bits, const std::byte* nibbles, float* out, Value value) {
  const auto bits = LoadUnaligned<uint32_t>(fifth_bits);
  for (size_t i = 0; i < kHalf; ++i) {
    out[i] = value(Low(nibbles[i]) | static_cast<int>((bits >> i & 1) << 4));
    out[i + kHalf] = value(High(nibbles[i]) | static_cast<int>((bits >> (i + kHalf) & 1) << 4));
  }
}

}  // namespace

// half d; int8 q[32].  x = d q
void DecodeQ8_0(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ8_0>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block);
    const std::byte* q = block + 2;
    for (size_t i = 0; i < 2 * kHalf; ++i) x[i] = d * Float(static_cast<int8_t>(q[i]));
  });
}

// half d; nibbles q[32].  x = d (q - 8)
void DecodeQ4_0(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ4_0>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block);
    const std::byte* q = block + 2;
    for (size_t i = 0; i < kHalf; ++i) {
      x[i] = d * Float(Low(q[i]) - 8);
      x[i + kHalf] = d * Float(High(q[i]) - 8);
    }
  });
}

// half d; half m; nibbles q[32].  x = d q + m
void DecodeQ4_1(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ4_1>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block), m = LoadHalf(block + 2);
    const std::byte* q = block + 4;
    for (size_t i = 0; i < kHalf; ++i) {
      x[i] = d * Float(Low(q[i])) + m;
      x[i + kHalf] = d * Float(High(q[i])) + m;
    }
  });
}

// half d; 32 fifth bits; nibbles q[32].  x = d (q - 16)
void DecodeQ5_0(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ5_0>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block);
    DecodeFiveBits(block + 2, block + 6, x, [d](int q) { return d * Float(q - 16); });
  });
}

// half d; half m; 32 fifth bits; nibbles q[32].  x = d q + m
void DecodeQ5_1(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kQ5_1>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block), m = LoadHalf(block + 2);
    DecodeFiveBits(block + 4, block + 8, x, [d, m](int q) { return d * Float(q) + m; });
  });
}

}  // namespace pass
