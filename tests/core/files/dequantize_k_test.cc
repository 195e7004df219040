// Blocks laid out by hand, byte by byte, for the formats whose scales are packed: each element, each scale and
// each of its bits has a place of its own. tests/core/files/dequantize_test.py compares random blocks.
#include <cmath>
#include <string>
#include <vector>

#include "core/files/dequantize.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"

namespace pass {
namespace {

constexpr size_t kBlock = 256;
constexpr uint16_t kOne = 0x3c00, kTwo = 0x4000, kHalf = 0x3800;  // binary16

std::vector<float> Decode(TensorType type, const std::string& data) {
  std::vector<float> out(data.size() / LayoutOf(type).bytes * LayoutOf(type).elements);
  Dequantize(type, std::as_bytes(std::span(data)), out);
  return out;
}

// Sets `width` bits of data[at] from bit `shift` upwards.
void SetBits(std::string& data, size_t at, size_t shift, int value) {
  data[at] = static_cast<char>(static_cast<unsigned char>(data[at]) | value << shift);
}

// A number for each element that neither repeats with the runs of 32 nor with the groups of 16.
int Pattern(size_t element, int count) {
  return static_cast<int>((element * 7 + element / 16 * 3) % static_cast<size_t>(count));
}

// Two bits an element: 64 bytes, element 32 (4 h + j) + i in bits 2 j and 2 j + 1 of byte 32 h + i.
std::string TwoBits(int (*value)(size_t element)) {
  std::string bytes(64, '\0');
  for (size_t e = 0; e < kBlock; ++e) SetBits(bytes, e / 128 * 32 + e % 32, e / 32 % 4 * 2, value(e));
  return bytes;
}

// Four bits an element: 128 bytes, element 64 p + 32 h + i in half h of byte 32 p + i.
std::string Nibbles(int (*value)(size_t element)) {
  std::string bytes(128, '\0');
  for (size_t e = 0; e < kBlock; ++e) SetBits(bytes, e / 64 * 32 + e % 32, e / 32 % 2 * 4, value(e));
  return bytes;
}

// One bit an element: 32 bytes, element 32 r + i in bit r of byte i.
std::string OneBits(int (*value)(size_t element)) {
  std::string bytes(32, '\0');
  for (size_t e = 0; e < kBlock; ++e) SetBits(bytes, e % 32, e / 32, value(e));
  return bytes;
}

// Scales and minima of Q4_K and Q5_K, six bits each.
constexpr int kScales[] = {1, 2, 63, 32, 17, 48, 15, 62};
constexpr int kMinima[] = {0, 61, 3, 16, 33, 31, 47, 5};

std::string PackedScalesAndMinima() {
  std::string bytes(12, '\0');
  for (size_t i = 0; i < 4; ++i) {
    SetBits(bytes, i, 0, kScales[i]);
    SetBits(bytes, i + 4, 0, kMinima[i]);
    SetBits(bytes, i + 8, 0, kScales[i + 4] & 15);
    SetBits(bytes, i + 8, 4, kMinima[i + 4] & 15);
    SetBits(bytes, i, 6, kScales[i + 4] >> 4);
    SetBits(bytes, i + 4, 6, kMinima[i + 4] >> 4);
  }
  return bytes;
}

// With the scales and minima above, times 2 and a half.
void ExpectScaledPattern(const std::vector<float>& out, int count) {
  ASSERT_EQ(out.size(), kBlock);
  for (size_t e = 0; e < kBlock; ++e) {
    const size_t group = e / 32;
    const float expected = 2.0f * static_cast<float>(kScales[group] * Pattern(e, count)) -
                           0.5f * static_cast<float>(kMinima[group]);
    EXPECT_EQ(out[e], expected) << e;
  }
}

TEST(DequantizeK, DecodesAQ2KBlock) {
  std::string block;
  for (int i = 0; i < 16; ++i) block.push_back(static_cast<char>(i | (15 - i) << 4));
  block += TwoBits([](size_t e) { return Pattern(e, 4); }) + Encoded(kTwo) + Encoded(kHalf);
  const std::vector<float> out = Decode(TensorType::kQ2K, block);
  for (size_t e = 0; e < kBlock; ++e) {
    const size_t index = e / 16;
    const auto group = static_cast<float>(index);
    EXPECT_EQ(out[e], 2 * group * static_cast<float>(Pattern(e, 4)) - 0.5f * (15 - group)) << e;
  }
}

TEST(DequantizeK, DecodesAQ3KBlock) {
  const auto scale = [](size_t group) { return static_cast<int>(group * 4 + group % 3); };  // 0 to 62
  std::string scales(12, '\0');
  for (size_t k = 0; k < 16; ++k) {
    SetBits(scales, k % 8, k / 8 * 4, scale(k) & 15);
    SetBits(scales, 8 + k % 4, k / 4 * 2, scale(k) >> 4);
  }
  const std::string block = OneBits([](size_t e) { return Pattern(e, 8) >> 2; }) +
                            TwoBits([](size_t e) { return Pattern(e, 8) & 3; }) + scales + Encoded(kHalf);
  const std::vector<float> out = Decode(TensorType::kQ3K, block);
  for (size_t e = 0; e < kBlock; ++e) {
    EXPECT_EQ(out[e], 0.5f * static_cast<float>((scale(e / 16) - 32) * (Pattern(e, 8) - 4))) << e;
  }
}

TEST(DequantizeK, DecodesAQ4KBlock) {
  const std::string block = Encoded(kTwo) + Encoded(kHalf) + PackedScalesAndMinima() +
                            Nibbles([](size_t e) { return Pattern(e, 16); });
  ExpectScaledPattern(Decode(TensorType::kQ4K, block), 16);
}

TEST(DequantizeK, DecodesAQ5KBlock) {
  const std::string block = Encoded(kTwo) + Encoded(kHalf) + PackedScalesAndMinima() +
                            OneBits([](size_t e) { return Pattern(e, 32) >> 4; }) +
                            Nibbles([](size_t e) { return Pattern(e, 32) & 15; });
  ExpectScaledPattern(Decode(TensorType::kQ5K, block), 32);
}

TEST(DequantizeK, DecodesTwoQ6KBlocks) {
  std::string low(128, '\0');  // element 128 h + 64 j + c in half j of byte 64 h + c
  for (size_t e = 0; e < kBlock; ++e)
    SetBits(low, e / 128 * 64 + e % 64, e / 64 % 2 * 4, Pattern(e, 64) & 15);
  std::string scales;
  for (int group = 0; group < 16; ++group)
    scales.push_back(static_cast<char>(group * 17 - 128));  // -128 to 127
  const std::string quants = low + TwoBits([](size_t e) { return Pattern(e, 64) >> 4; }) + scales;
  const std::vector<float> out = Decode(TensorType::kQ6K, quants + Encoded(kHalf) + quants + Encoded(kOne));
  ASSERT_EQ(out.size(), 2 * kBlock);
  for (size_t e = 0; e < kBlock; ++e) {
    const auto value = static_cast<float>((static_cast<int>(e / 16) * 17 - 128) * (Pattern(e, 64) - 32));
    EXPECT_EQ(out[e], 0.5f * value) << e;
    EXPECT_EQ(out[kBlock + e], value) << e;
  }
}

// Element i in the low half of byte i, i + 16 in the high half.
std::string CountingNibbles() {
  std::string nibbles;
  for (int i = 0; i < 16; ++i) nibbles.push_back(static_cast<char>(i | (15 - i) << 4));
  return nibbles;
}

constexpr float kLevels[] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

TEST(DequantizeTables, DecodeAnIq4NlBlock) {
  const std::vector<float> out = Decode(TensorType::kIq4Nl, Encoded(kTwo) + CountingNibbles());
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(out[i], 2 * kLevels[i]);
    EXPECT_EQ(out[i + 16], 2 * kLevels[15 - i]);
  }
}

TEST(DequantizeTables, DecodeAnIq4XsBlock) {
  constexpr int kRunScales[] = {0, 63, 1, 32, 33, 16, 47, 31};
  std::string high(2, '\0'), low(4, '\0'), nibbles;
  for (size_t run = 0; run < 8; ++run) {
    SetBits(high, run / 4, run % 4 * 2, kRunScales[run] >> 4);
    SetBits(low, run / 2, run % 2 * 4, kRunScales[run] & 15);
    nibbles += CountingNibbles();
  }
  const std::vector<float> out = Decode(TensorType::kIq4Xs, Encoded(kHalf) + high + low + nibbles);
  for (size_t e = 0; e < kBlock; ++e) {
    const size_t run = e / 32, i = e % 32;
    const float level = i < 16 ? kLevels[i] : kLevels[31 - i];
    EXPECT_EQ(out[e], 0.5f * static_cast<float>(kRunScales[run] - 32) * level) << e;
  }
}

TEST(DequantizeTables, DecodeAnMxfp4BlockOfEveryExponent) {
  constexpr float kE2M1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, 0, -0.5f, -1, -1.5f, -2, -3, -4, -6};
  for (int exponent = 0; exponent < 256; ++exponent) {
    const std::vector<float> out =
        Decode(TensorType::kMxfp4, std::string(1, static_cast<char>(exponent)) + CountingNibbles());
    for (size_t i = 0; i < 16; ++i) {
      // The largest exponent is no number in the standard; ggml reads it as the next power of two.
      EXPECT_EQ(out[i], static_cast<float>(std::ldexp(double{kE2M1[i]}, exponent - 127)))
          << exponent << " " << i;
      EXPECT_EQ(out[i + 16], static_cast<float>(std::ldexp(double{kE2M1[15 - i]}, exponent - 127)))
          << exponent;
    }
  }
}

}  // namespace
}  // namespace pass
