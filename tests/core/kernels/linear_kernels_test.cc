// The linears of every instruction set that this CPU can run, against the plain formulation in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iostream>
#include <limits>
#include <random>
#include <vector>

#include "core/kernels/kernels.h"
#include "tests/core/kernels/numbers.h"

namespace pass::kernels {
namespace {

template <typename T>
std::vector<T> Pack(const std::vector<T>& weight, int64_t out, int64_t in) {
  const int64_t blocks = LinearBlocks(out);
  std::vector<T> packed(blocks * PackedBlock<T>(in));
  PackLinear(weight.data(), out, in, packed.data(), 0, blocks);
  return packed;
}

template <typename T>
std::vector<float> ToFloat(Isa isa, const LinearData<T>& data) {
  std::vector<float> y(data.rows * data.out, -1.0f);
  TableOf<T>(isa).multiply_to_float(data, y.data(), 0, LinearBlocks(data.out));
  return y;
}

class LinearKernels : public ::testing::TestWithParam<Isa> {};

template <typename T>
void ExpectPlainFormulation(Isa isa) {
  const unsigned seed = 17;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{
           {96, 64}, {100, 33}, {1, 1}, {31, 7}, {33, 608}, {40, 1030}}) {
    const std::vector<T> weight = Random<T>(out * in, random), packed = Pack(weight, out, in);
    for (int64_t rows = 1; rows <= 64; rows += rows < 14 ? 1 : 10) {
      SCOPED_TRACE(::testing::Message() << out << " x " << in << ", " << rows << " rows");
      const std::vector<T> x = Random<T>(rows * in, random);
      const LinearData<T> data{.x = x.data(), .rows = rows, .packed = packed.data(), .out = out, .in = in};
      const std::vector<float> y = ToFloat(isa, data);
      std::vector<T> rounded(rows * out);
      TableOf<T>(isa).multiply(data, rounded.data(), 0, LinearBlocks(out));
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t o = 0; o < out; ++o) {
          double expected = 0, size = 0;
          for (int64_t i = 0; i < in; ++i) {
            const double product = double{Wide(x[row * in + i])} * Wide(weight[o * in + i]);
            expected += product;
            size += std::abs(product);
          }
          ASSERT_NEAR(y[row * out + o], expected, 1e-5 * (size + 1)) << "output " << o << " of row " << row;
          ASSERT_NEAR(Wide(rounded[row * out + o]), expected, 8e-3 * (size + 1));
        }
      }
    }
  }
}

TEST_P(LinearKernels, GiveThePlainFormulationInBf16) { ExpectPlainFormulation<Bf16>(GetParam()); }
TEST_P(LinearKernels, GiveThePlainFormulationInFp32) { ExpectPlainFormulation<float>(GetParam()); }

template <typename T>
void ExpectRowInvariance(Isa isa) {
  std::mt19937 random(18);
  for (const int64_t in : {576, 577}) {
    constexpr int64_t kOut = 100, kRows = 150;
    const std::vector<T> weight = Random<T>(kOut * in, random), packed = Pack(weight, kOut, in);
    const std::vector<T> x = Random<T>(kRows * in, random);
    std::vector<float> wide(x.size());
    std::ranges::transform(x, wide.begin(), [](T value) { return Wide(value); });
    LinearData<T> data{.x = x.data(), .rows = kRows, .packed = packed.data(), .out = kOut, .in = in};
    const std::vector<float> all = ToFloat(isa, data);
    for (int64_t rows = 1; rows < kRows; rows += rows < 26 ? 1 : 17) {
      data.rows = rows;
      data.reads = rows % 2 == 0 ? Reads::kOnce : Reads::kAgain;
      data.wide = rows % 3 == 0 ? wide.data() : nullptr;
      const std::vector<float> some = ToFloat(isa, data);
      ASSERT_EQ(std::memcmp(some.data(), all.data(), some.size() * sizeof(float)), 0)
          << rows << " rows of " << in;
    }
    data.rows = 3;
    std::vector<float> blockwise(3 * kOut);
    for (int64_t block = LinearBlocks(kOut) - 1; block >= 0; --block) {
      TableOf<T>(isa).multiply_to_float(data, blockwise.data(), block, block + 1);
    }
    ASSERT_EQ(std::memcmp(blockwise.data(), all.data(), blockwise.size() * sizeof(float)), 0);
  }
}

TEST_P(LinearKernels, GiveARowTheSameBitsWhateverItsForwardInBf16) { ExpectRowInvariance<Bf16>(GetParam()); }
TEST_P(LinearKernels, GiveARowTheSameBitsWhateverItsForwardInFp32) { ExpectRowInvariance<float>(GetParam()); }

template <typename T>
void ExpectNumbersThatAreNoneToPass(Isa isa) {
  constexpr int64_t kOut = 40, kIn = 9;
  std::vector<T> weight(kOut * kIn), x(2 * kIn);
  for (T& value : weight) Set(1, &value);
  for (T& value : x) Set(1, &value);
  Set(std::numeric_limits<float>::quiet_NaN(), &x[3]);
  Set(std::numeric_limits<float>::infinity(), &weight[5 * kIn + 8]);
  const std::vector<T> packed = Pack(weight, kOut, kIn);
  const std::vector<float> y =
      ToFloat(isa, LinearData<T>{.x = x.data(), .rows = 2, .packed = packed.data(), .out = kOut, .in = kIn});
  for (int64_t o = 0; o < kOut; ++o) {
    EXPECT_TRUE(std::isnan(y[o])) << o;
    if (o == 5) {
      EXPECT_TRUE(std::isinf(y[kOut + o]));
    } else {
      EXPECT_EQ(y[kOut + o], 9.0f) << o;
    }
  }
}

TEST_P(LinearKernels, PassOnNumbersThatAreNone) {
  ExpectNumbersThatAreNoneToPass<Bf16>(GetParam());
  ExpectNumbersThatAreNoneToPass<float>(GetParam());
}

std::vector<Isa> Runnable() {
  const std::span<const Isa> isas = RunnableIsas();
  std::cout << "instruction sets of this CPU:";
  for (const Isa isa : isas) std::cout << ' ' << IsaName(isa);
  std::cout << std::endl;
  return {isas.begin(), isas.end()};
}

INSTANTIATE_TEST_SUITE_P(, LinearKernels, ::testing::ValuesIn(Runnable()),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

}  // namespace
}  // namespace pass::kernels
