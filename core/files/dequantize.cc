#include "core/files/dequantize.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/base/check.h"

namespace pass {
namespace {

constexpr size_t kBlockElements = 32;
constexpr size_t kNibbleBytes = kBlockElements / 2;

// Mapped files need not be aligned for wider loads.
uint16_t LoadBits(const std::byte* at) {
  uint16_t bits;
  std::memcpy(&bits, at, sizeof(bits));
  return bits;
}

int32_t LoadInteger(const std::byte* at) {
  int32_t integer;
  std::memcpy(&integer, at, sizeof(integer));
  return integer;
}

float LoadHalf(const std::byte* at) { return HalfToFloat(LoadBits(at)); }

// Nibbles of a block as floats, in element order, minus `zero`, times `d`, plus `m`.
void DecodeNibbles(const std::byte* nibbles, float d, int zero, float m, float* out) {
  for (size_t i = 0; i < kNibbleBytes; ++i) {
    const auto byte = std::to_integer<int>(nibbles[i]);
    out[i] = d * static_cast<float>((byte & 15) - zero) + m;
    out[i + kNibbleBytes] = d * static_cast<float>((byte >> 4) - zero) + m;
  }
}

void DecodeQ8(const std::byte* block, float* out) {
  const float d = LoadHalf(block);
  std::array<int8_t, kBlockElements> q;
  std::memcpy(q.data(), block + 2, q.size());
  for (size_t i = 0; i < kBlockElements; ++i) out[i] = d * static_cast<float>(q[i]);
}

template <typename DecodeBlock>
void DecodeBlocks(TensorType type, std::span<const std::byte> data, std::span<float> out,
                  DecodeBlock decode) {
  const BlockLayout layout = LayoutOf(type);
  const size_t num_blocks = out.size() / layout.elements;
  for (size_t i = 0; i < num_blocks; ++i)
    decode(data.data() + i * layout.bytes, out.data() + i * layout.elements);
}

}  // namespace

BlockLayout LayoutOf(TensorType type) {
  switch (type) {
    case TensorType::kF32:
    case TensorType::kI32:
      return {.elements = 1, .bytes = 4};
    case TensorType::kF16:
    case TensorType::kBF16:
      return {.elements = 1, .bytes = 2};
    case TensorType::kQ8_0:
      return {.elements = kBlockElements, .bytes = 2 + kBlockElements};
    case TensorType::kQ4_0:
      return {.elements = kBlockElements, .bytes = 2 + kNibbleBytes};
    case TensorType::kQ4_1:
      return {.elements = kBlockElements, .bytes = 4 + kNibbleBytes};
  }
  PASS_CHECK(false);
}

std::optional<uint64_t> CountElements(std::span<const int64_t> shape) {
  int64_t count = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 0 || __builtin_mul_overflow(count, dimension, &count)) return std::nullopt;
  }
  return static_cast<uint64_t>(count);
}

std::optional<uint64_t> EncodedBytes(TensorType type, std::span<const int64_t> shape) {
  const auto count = CountElements(shape);
  const BlockLayout layout = LayoutOf(type);
  const uint64_t row = shape.empty() ? 1 : static_cast<uint64_t>(shape.back());
  if (!count || row % layout.elements != 0) return std::nullopt;
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(*count / layout.elements, layout.bytes, &bytes)) return std::nullopt;
  return bytes;
}

// Exponents differ by 112: the shifted bits are the value times 2^-112, subnormals included, and the product
// is exact. Infinities and NaNs keep the largest exponent.
float HalfToFloat(uint16_t bits) {
  const uint32_t sign = (bits & 0x8000u) << 16;
  const float magnitude = std::bit_cast<float>((bits & 0x7fffu) << 13) * 0x1p112f;
  const uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | special | sign);
}

float BFloat16ToFloat(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }

void Dequantize(TensorType type, std::span<const std::byte> data, std::span<float> out) {
  const BlockLayout layout = LayoutOf(type);
  PASS_CHECK(out.size() % layout.elements == 0 && data.size() == out.size() / layout.elements * layout.bytes);
  switch (type) {
    case TensorType::kF32:
      if (!data.empty()) std::memcpy(out.data(), data.data(), data.size());
      return;
    case TensorType::kF16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = LoadHalf(data.data() + 2 * i);
      return;
    case TensorType::kBF16:
      for (size_t i = 0; i < out.size(); ++i) out[i] = BFloat16ToFloat(LoadBits(data.data() + 2 * i));
      return;
    case TensorType::kI32:
      for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(LoadInteger(data.data() + 4 * i));
      return;
    case TensorType::kQ8_0:
      DecodeBlocks(type, data, out, DecodeQ8);
      return;
    case TensorType::kQ4_0:
      DecodeBlocks(type, data, out, [](const std::byte* block, float* to) {
        DecodeNibbles(block + 2, LoadHalf(block), /*zero=*/8, /*m=*/0.0f, to);
      });
      return;
    case TensorType::kQ4_1:
      DecodeBlocks(type, data, out, [](const std::byte* block, float* to) {
        DecodeNibbles(block + 4, LoadHalf(block), /*zero=*/0, LoadHalf(block + 2), to);
      });
      return;
  }
}

}  // namespace pass
