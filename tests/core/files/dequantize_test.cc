#include "core/files/dequantize.h"

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/files/half.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"

namespace pass {
namespace {

using testing::ElementsAre;

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

std::vector<float> Decode(TensorType type, const std::string& data, size_t count) {
  std::vector<float> out(count);
  Dequantize(type, std::as_bytes(std::span(data)), out);
  return out;
}

// The definition, by powers of two: independent of the arithmetic on bits.
float HalfByDefinition(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0f : 1.0f;
  if (exponent == 31) return mantissa == 0 ? sign * INFINITY : NAN;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(1024 + mantissa), exponent - 25);
}

TEST(Dequantize, DecodesEveryHalfFloatByItsDefinition) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float expected = HalfByDefinition(static_cast<uint16_t>(bits));
    const float actual = HalfToFloat(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual)) << bits;
    } else {
      ASSERT_EQ(std::bit_cast<uint32_t>(actual), std::bit_cast<uint32_t>(expected)) << bits;
    }
  }
}

TEST(Dequantize, DecodesFloatFormatsElementByElement) {
  EXPECT_THAT(Decode(TensorType::kF32, Encoded(1.5f) + Encoded(-2.0f), 2), ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(Decode(TensorType::kF16, Encoded<uint16_t>(0x3c00) + Encoded<uint16_t>(0xc500), 2),
              ElementsAre(1.0f, -5.0f));
  EXPECT_THAT(Decode(TensorType::kI32, Encoded<int32_t>(-3) + Encoded<int32_t>(49151), 2),
              testing::ElementsAre(-3.0f, 49151.0f));
  EXPECT_THAT(Decode(TensorType::kBF16, Encoded<uint16_t>(0x3f80) + Encoded<uint16_t>(0xc0a0), 2),
              ElementsAre(1.0f, -5.0f));
}

TEST(Dequantize, DecodesAQ8Block) {
  std::string block = Encoded<uint16_t>(0x3800);  // d = 0.5
  for (int i = 0; i < 32; ++i) block += Encoded(static_cast<int8_t>(i == 0 ? -128 : i == 31 ? 127 : i));
  const std::vector<float> out = Decode(TensorType::kQ8_0, block, 32);
  EXPECT_EQ(out[0], -64.0f);
  EXPECT_EQ(out[31], 63.5f);
  for (size_t i = 1; i < 31; ++i) EXPECT_EQ(out[i], 0.5f * static_cast<float>(i));
}

// Byte i holds nibble i below and nibble i + 16 above.
std::string CountingNibbles() {
  std::string nibbles;
  for (int i = 0; i < 16; ++i) nibbles.push_back(static_cast<char>(i | (15 - i) << 4));
  return nibbles;
}

TEST(Dequantize, DecodesAQ4BlockAroundEight) {
  const std::vector<float> out =
      Decode(TensorType::kQ4_0, Encoded<uint16_t>(0x4000) + CountingNibbles(), 32);  // d = 2
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(out[static_cast<size_t>(i)], 2.0f * static_cast<float>(i - 8));
    EXPECT_EQ(out[static_cast<size_t>(i + 16)], 2.0f * static_cast<float>(7 - i));
  }
}

TEST(Dequantize, DecodesAQ4BlockWithAMinimum) {
  const std::string block =
      Encoded<uint16_t>(0x3400) + Encoded<uint16_t>(0xbc00) + CountingNibbles();  // 0.25, -1
  const std::vector<float> out = Decode(TensorType::kQ4_1, block + block, 64);
  for (size_t block_start : {0u, 32u}) {
    for (int i = 0; i < 16; ++i) {
      EXPECT_EQ(out[block_start + static_cast<size_t>(i)], 0.25f * static_cast<float>(i) - 1);
      EXPECT_EQ(out[block_start + static_cast<size_t>(i + 16)], 0.25f * static_cast<float>(15 - i) - 1);
    }
  }
}

// Fifth bits: of the first and the last element, 16 and 15.
constexpr uint32_t kFifthBits = 0x80018001;

int FiveBits(int element) {
  const int low = element < 16 ? element : 31 - element;
  return low | static_cast<int>(kFifthBits >> element & 1) << 4;
}

TEST(Dequantize, DecodesAQ5BlockAroundSixteen) {
  const std::vector<float> out = Decode(
      TensorType::kQ5_0, Encoded<uint16_t>(0x4000) + Encoded(kFifthBits) + CountingNibbles(), 32);  // d = 2
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(out[static_cast<size_t>(i)], 2.0f * static_cast<float>(FiveBits(i) - 16)) << i;
  }
}

TEST(Dequantize, DecodesAQ5BlockWithAMinimum) {
  const std::string block = Encoded<uint16_t>(0x3400) + Encoded<uint16_t>(0xbc00) + Encoded(kFifthBits) +
                            CountingNibbles();  // 0.25, -1
  const std::vector<float> out = Decode(TensorType::kQ5_1, block, 32);
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(out[static_cast<size_t>(i)], 0.25f * static_cast<float>(FiveBits(i)) - 1) << i;
  }
}

TEST(Dequantize, KeepsTheSignOfAZeroAsTheReferenceDoes) {
  const std::string negative = Encoded<uint16_t>(0xc000);  // d = -2
  const std::vector<float> out =
      Decode(TensorType::kQ4_0, negative + std::string(16, static_cast<char>(0x88)), 32);
  for (const float zero : out) EXPECT_EQ(std::bit_cast<uint32_t>(zero), 0x80000000u);
}

TEST(Dequantize, KnowsTheBytesOfATensor) {
  const auto bytes = [](TensorType type, std::vector<int64_t> shape) { return EncodedBytes(type, shape); };
  EXPECT_EQ(bytes(TensorType::kF32, {}), 4u);
  EXPECT_EQ(bytes(TensorType::kF16, {3, 5}), 30u);
  EXPECT_EQ(bytes(TensorType::kQ8_0, {2, 64}), 136u);
  EXPECT_EQ(bytes(TensorType::kQ4_0, {2, 64}), 72u);
  EXPECT_EQ(bytes(TensorType::kQ4_1, {2, 64}), 80u);
  EXPECT_EQ(bytes(TensorType::kQ6K, {3, 512}), 1260u);
  EXPECT_EQ(bytes(TensorType::kMxfp4, {2, 64}), 68u);
}

TEST(Dequantize, HasNoBytesForShapesThatOverflowOrCutABlock) {
  const auto bytes = [](TensorType type, std::vector<int64_t> shape) { return EncodedBytes(type, shape); };
  EXPECT_EQ(bytes(TensorType::kQ8_0, {32, 16}), std::nullopt) << "rows of half a block";
  EXPECT_EQ(bytes(TensorType::kQ6K, {256, 128}), std::nullopt) << "rows of half a block of 256";
  EXPECT_EQ(bytes(TensorType::kF32, {kHuge, 2}), std::nullopt);
  EXPECT_EQ(bytes(TensorType::kF32, {kHuge / 2, 2}), std::nullopt) << "the count fits, the bytes do not";
  EXPECT_EQ(bytes(TensorType::kF16, {-1, 2}), std::nullopt);
}

}  // namespace
}  // namespace pass
