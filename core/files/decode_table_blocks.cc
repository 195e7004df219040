#include <array>
#include <bit>
#include <cstdint>

#include "core/files/decode_blocks.h"
#include "core/files/half.h"

namespace pass {
namespace {

constexpr size_t kRun = 32;

using Table = std::array<float, 16>;
// ggml-common.h, kvalues_iq4nl: levels that lie closer together around zero.
constexpr Table kNonLinear = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// The 4-bit floats E2M1 of the OCP microscaling formats, v1.0, doubled so that they are whole numbers; zeros have no sign
// (kvalues_mxfp4).
constexpr Table kE2M1Doubled = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

// Element i is the low half of byte i, element i + 16 the high half.
void DecodeRun(const std::byte* nibbles, float scale, const Table& table, float* x) {
  for (size_t i = 0; i < kRun / 2; ++i) {
    const auto byte = std::to_integer<size_t>(nibbles[i]);
    x[i] = scale * table[byte & 15];
    x[i + kRun / 2] = scale * table[byte >> 4];
  }
}

// Half of the power of two that an exponent byte (E8M0) stands for, 2^(e - 128): the table holds doubled values. Its two
// smallest are subnormal.
float HalfPowerOfTwo(uint32_t exponent) {
  return std::bit_cast<float>(exponent < 2 ? uint32_t{0x00200000} << exponent : (exponent - 1) << 23);
}

}  // namespace

// half d; nibbles q[32].  x = d table[q]
void DecodeIq4Nl(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kIq4Nl>(blocks, count, out, [](const std::byte* block, float* x) {
    DecodeRun(block + 2, LoadHalf(block), kNonLinear, x);
  });
}

// half d; uint16 high bits of scales; 4 bytes of their low halves; nibbles q[256].  x = (d (s - 32)) table[q], s of 32
// elements: nibble `run` of the four bytes below bits 2 run and 2 run + 1 of the uint16
void DecodeIq4Xs(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kIq4Xs>(blocks, count, out, [](const std::byte* block, float* x) {
    const float d = LoadHalf(block);
    const uint32_t high_bits = LoadUnaligned<uint16_t>(block + 2);
    const auto low_bits = LoadUnaligned<uint32_t>(block + 4);
    for (uint32_t run = 0; run < 8; ++run) {
      const uint32_t scale = (low_bits >> 4 * run & 15) | (high_bits >> 2 * run & 3) << 4;
      DecodeRun(block + 8 + run * kRun / 2, d * static_cast<float>(static_cast<int>(scale) - 32), kNonLinear,
                x + run * kRun);
    }
  });
}

// uint8 e; nibbles q[32].  x = 2^(e - 127) E2M1(q)
void DecodeMxfp4(const std::byte* blocks, size_t count, float* out) {
  ForEachBlock<TensorType::kMxfp4>(blocks, count, out, [](const std::byte* block, float* x) {
    DecodeRun(block + 1, HalfPowerOfTwo(std::to_integer<uint32_t>(block[0])), kE2M1Doubled, x);
  });
}

}  // namespace pass
