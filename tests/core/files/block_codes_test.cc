// Codes and scales of random blocks against the values of the same blocks.
#include "core/files/block_codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/files/dequantize.h"

namespace pass {
namespace {

constexpr size_t kBlocks = 400;

class BlockCodes : public ::testing::TestWithParam<TensorType> {};

TEST_P(BlockCodes, AndScalesMakeTheValues) {
  const unsigned seed = 41;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const std::optional<CodeLayout> layout = CodeLayoutOf(GetParam());
  ASSERT_TRUE(layout.has_value());
  const auto [elements, bytes] = LayoutOf(GetParam());
  int least = 0, most = 0;
  size_t compared = 0;
  for (size_t i = 0; i < kBlocks; ++i) {
    std::vector<std::byte> block(bytes);
    for (std::byte& byte : block) byte = static_cast<std::byte>(random());
    std::vector<float> values(elements);
    Dequantize(GetParam(), block, values);
    if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) continue;
    std::vector<int16_t> codes(elements);
    std::vector<float> scales(elements / layout->group), minima(layout->has_minimum ? scales.size() : 0);
    DecodeCodes(GetParam(), block, codes, scales, minima);
    for (size_t e = 0; e < elements; ++e) {
      const size_t group = e / layout->group;
      const float minimum = layout->has_minimum ? minima[group] : 0.0f;
      ASSERT_EQ(scales[group] * static_cast<float>(codes[e]) + minimum, values[e]) << "element " << e;
      least = std::min<int>(least, codes[e]);
      most = std::max<int>(most, codes[e]);
    }
    ++compared;
  }
  EXPECT_GT(compared, kBlocks / 2);
  EXPECT_EQ(least, layout->least);
  EXPECT_EQ(most, layout->most);
}

INSTANTIATE_TEST_SUITE_P(, BlockCodes,
                         ::testing::Values(TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ4_1,
                                           TensorType::kQ5_0, TensorType::kQ5_1, TensorType::kQ3K,
                                           TensorType::kQ4K, TensorType::kQ5K, TensorType::kQ6K,
                                           TensorType::kIq4Nl, TensorType::kIq4Xs),
                         [](const auto& test) { return std::string(TensorTypeName(test.param)); });

TEST(TypesWithoutBlockCodes, AreThoseOfPlainNumbersAndOtherBlocks) {
  for (const TensorType type : {TensorType::kF32, TensorType::kF16, TensorType::kBF16, TensorType::kI32,
                                TensorType::kQ2K, TensorType::kMxfp4}) {
    EXPECT_FALSE(CodeLayoutOf(type).has_value()) << TensorTypeName(type);
  }
}

}  // namespace
}  // namespace pass
