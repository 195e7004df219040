// Linears on weights of 8 and 4 bits: rounded ones, and those with the blocks of a file.
#include "core/model/backend/cpu/quantized_weight.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "core/files/dequantize.h"
#include "core/model/backend/cpu/cpu_linear.h"
#include "tests/core/model/backend/gate.h"

namespace pass {
namespace {

using kernels::QuantizedForm;

// A matrix of random blocks; scales that are no numbers are drawn again.
struct RandomBlocks {
  RandomBlocks(TensorType type, int64_t out, int64_t in, std::mt19937& random) {
    const auto row_bytes = EncodedBytes(type, std::vector<int64_t>{in}).value();
    values = at::empty({out, in});
    bytes.resize(out, std::vector<std::byte>(row_bytes));
    stored.type = type;
    for (int64_t row = 0; row < out; ++row) {
      float* to = values.data_ptr<float>() + row * in;
      const std::span<float> decoded(to, static_cast<size_t>(in));
      do {
        for (std::byte& byte : bytes[row]) byte = static_cast<std::byte>(random());
        Dequantize(type, bytes[row], decoded);
      } while (!std::ranges::all_of(decoded, [](float value) { return std::abs(value) < 1e4f; }));
      stored.rows.emplace_back(bytes[row]);
    }
  }

  std::vector<std::vector<std::byte>> bytes;
  StoredRows stored;
  at::Tensor values;  // fp32 [out, in]
};

// Products with one input each, which has a code without an error, are the weights.
at::Tensor Unpacked(const CpuLinear& linear, int64_t in) {
  return (linear.Multiply(at::eye(in) * 127) / 127).t();
}

TEST(QuantizedWeight, OfStoredBlocksHasTheValuesOfTheFile) {
  const unsigned seed = 51;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const TensorType type : {TensorType::kQ8_0, TensorType::kQ4_0, TensorType::kQ4_1, TensorType::kQ5_0,
                                TensorType::kQ5_1, TensorType::kIq4Nl, TensorType::kQ3K, TensorType::kQ4K,
                                TensorType::kQ5K, TensorType::kQ6K, TensorType::kIq4Xs}) {
    SCOPED_TRACE(std::string(TensorTypeName(type)));
    const RandomBlocks blocks(type, 40, 256, random);
    const auto weight = QuantizedWeight::FromStored(std::span(&blocks.stored, 1), 256);
    ASSERT_TRUE(weight.has_value());
    const at::Tensor values = Unpacked(CpuLinear(*weight), 256);
    const bool products = LayoutOf(type).elements == 256;  // scales are products, and rounded
    const double error = products ? 1.0 / 2048 : 1e-6;
    // A sum of a scale's part and a minimum may be small where both are large.
    const at::Tensor largest = std::get<0>(blocks.values.abs().view({40, 8, 32}).max(-1, /*keepdim=*/true));
    const at::Tensor missed = ((values - blocks.values).abs().view({40, 8, 32}) / (largest * 4 + 1e-4)).max();
    EXPECT_LT(missed.item<double>(), error);
  }
}

TEST(QuantizedWeight, OfSeveralStoredMatricesIsAllOfThemInTheirOrder) {
  std::mt19937 random(52);
  const RandomBlocks q(TensorType::kQ4_1, 64, 256, random), k(TensorType::kQ5_0, 32, 256, random),
      v(TensorType::kQ6K, 40, 256, random);
  const std::vector<StoredRows> stored = {q.stored, k.stored, v.stored};
  const auto weight = QuantizedWeight::FromStored(stored, 256);
  ASSERT_TRUE(weight.has_value());
  const CpuLinear together(*weight);
  const at::Tensor x = at::randn({5, 256});
  const at::Tensor y = together.Multiply(x);
  ASSERT_EQ(y.sizes(), (std::vector<int64_t>{5, 136}));
  int64_t first = 0;
  for (const StoredRows& one : stored) {
    const auto alone = QuantizedWeight::FromStored(std::span(&one, 1), 256);
    const auto out = static_cast<int64_t>(one.rows.size());
    EXPECT_TRUE(y.narrow(1, first, out).equal(CpuLinear(*alone).Multiply(x))) << first;
    first += out;
  }
}

TEST(QuantizedWeight, IsNoneOfOtherTypesOfScalesThatAreNoneAndOfHalfBlocks) {
  std::mt19937 random(53);
  const RandomBlocks q2(TensorType::kQ2K, 32, 256, random);
  EXPECT_FALSE(QuantizedWeight::FromStored(std::span(&q2.stored, 1), 256).has_value());
  const std::vector<std::byte> zeros(256 * sizeof(float));
  const StoredRows plain{.type = TensorType::kF32, .rows = {zeros}};
  EXPECT_FALSE(QuantizedWeight::FromStored(std::span(&plain, 1), 256).has_value());
  RandomBlocks infinite(TensorType::kQ8_0, 32, 64, random);
  infinite.bytes[7][0] = std::byte{0x00};
  infinite.bytes[7][1] = std::byte{0x7c};
  EXPECT_FALSE(QuantizedWeight::FromStored(std::span(&infinite.stored, 1), 64).has_value());
  const RandomBlocks odd(TensorType::kQ8_0, 40, 64, random), next(TensorType::kQ8_0, 32, 64, random);
  EXPECT_FALSE(QuantizedWeight::FromStored(std::vector{odd.stored, next.stored}, 64).has_value());
  EXPECT_TRUE(QuantizedWeight::FromStored(std::vector{next.stored, odd.stored}, 64).has_value());
}

class QuantizedLinear : public ::testing::TestWithParam<std::tuple<QuantizedForm, at::ScalarType>> {
 protected:
  QuantizedForm form() const { return std::get<0>(GetParam()); }
  at::ScalarType type() const { return std::get<1>(GetParam()); }
  // Of a product's root mean square.
  double error() const { return form() == QuantizedForm::k8 ? 0.02 : 0.12; }
};

TEST_P(QuantizedLinear, IsCloseToTheLinearThatItRounds) {
  at::manual_seed(8);
  for (const int64_t out : {96, 100, 1}) {
    const at::Tensor weight = (at::randn({out, 576}) / 24).to(type()), bias = at::randn({out});
    const at::Tensor x = at::randn({9, 576}).to(type());
    const at::Tensor expected = at::linear(x.to(at::kFloat), weight.to(at::kFloat)) + bias;
    CpuLinear linear(QuantizedWeight(weight, form()));
    linear.SetBias(bias);
    const at::Tensor y = linear.Multiply(x).to(at::kFloat);
    const double size = (expected - bias).square().mean().sqrt().item<double>();
    EXPECT_LT((y - expected).square().mean().sqrt().item<double>(), error() * size + 1e-3)
        << out << " outputs";
  }
}

TEST_P(QuantizedLinear, GivesEachRowTheSameBitsForEveryNumberOfRows) {
  at::manual_seed(9);
  const CpuLinear linear(QuantizedWeight((at::randn({960, 576}) / 24).to(type()), form()));
  const at::Tensor x = at::randn({150, 576}).to(type());
  const at::Tensor reference = linear.Multiply(x);
  for (int64_t rows = 1; rows <= 150; rows += rows < 40 ? 1 : 13) {
    ASSERT_TRUE(linear.Multiply(x.narrow(0, 0, rows)).equal(reference.narrow(0, 0, rows))) << rows << " rows";
  }
  ASSERT_TRUE(linear.Multiply(x.flip(0).contiguous()).flip(0).equal(reference));
}

TEST_P(QuantizedLinear, GatesAsProductsAndGateOneAfterTheOther) {
  at::manual_seed(10);
  for (const int64_t width : {96, 40}) {
    const QuantizedWeight weight((at::randn({2 * width, 576}) / 24).to(type()), form());
    const CpuLinear linear(weight);
    for (const int64_t rows : {1, 13}) {
      const at::Tensor x = at::randn({rows, 576}).to(type());
      at::Tensor out = at::empty({rows, width}, x.options());
      linear.MultiplyGated(x, {}, Activation::kSilu, out);
      EXPECT_TRUE(out.equal(testing::Gate(Activation::kSilu, linear.Multiply(x))))
          << "width " << width << ", " << rows << " rows";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, QuantizedLinear,
                         ::testing::Combine(::testing::Values(QuantizedForm::k8, QuantizedForm::k4Minimum),
                                            ::testing::Values(at::kFloat, at::kBFloat16)),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param) == QuantizedForm::k8 ? "W8" : "W4") +
                                  at::toString(std::get<1>(test.param));
                         });

}  // namespace
}  // namespace pass
