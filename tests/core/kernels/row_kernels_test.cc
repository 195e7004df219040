// Norms, rotation, gates, biases and roundings of every instruction set that this CPU can run, against the plain formulation
// in double.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "tests/core/kernels/numbers.h"

namespace pass::kernels {
namespace {

constexpr unsigned kSeed = 23;
constexpr int64_t kRows = 3;
const std::vector<int64_t> kWidths = {1, 7, 15, 16, 17, 64, 100};

class RowKernels : public ::testing::TestWithParam<Isa> {
 protected:
  std::mt19937 random_{kSeed};
};

// Half a unit of the last place of a number of the type, and what fp32 sums and exp lose.
template <typename T>
double Tolerance(double expected) {
  return (sizeof(T) == sizeof(float) ? 1e-5 : 4e-3) * (std::abs(expected) + 1e-3);
}

template <typename T>
void ExpectNear(T got, double expected) {
  EXPECT_NEAR(Wide(got), expected, Tolerance<T>(expected));
}

template <typename T>
void ExpectNorms(Isa isa, std::mt19937& random) {
  constexpr float kEpsilon = 1e-5f, kMultiplier = 0.5f;
  for (const int64_t width : kWidths) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", width " << width);
    const std::vector<float> before = Random<float>(kRows * width, random);
    const std::vector<float> weight = Random<float>(width, random);
    const std::vector<T> delta = Random<T>(kRows * width, random);
    std::vector<float> residual = before;
    std::vector<T> out(kRows * width);
    TableOf<T>(isa).add_rms_norm(residual.data(), delta.data(), kMultiplier, weight.data(), kEpsilon, width,
                                 out.data(), 0, kRows);
    std::vector<T> segments = delta;
    TableOf<T>(isa).norm_segments({.x = segments.data(),
                                   .stride = kRows * width,
                                   .first = width,
                                   .segments = kRows - 1,
                                   .width = width,
                                   .weight = weight.data(),
                                   .epsilon = kEpsilon},
                                  0, 1);
    for (int64_t row = 0; row < kRows; ++row) {
      double squares = 0, delta_squares = 0;
      for (int64_t i = row * width; i < (row + 1) * width; ++i) {
        const double sum = before[i] + kMultiplier * double{Wide(delta[i])};
        ASSERT_NEAR(residual[i], sum, 1e-6 * (std::abs(sum) + 1));
        squares += sum * sum;
        delta_squares += double{Wide(delta[i])} * Wide(delta[i]);
      }
      const auto count = static_cast<double>(width);
      for (int64_t i = row * width; i < (row + 1) * width; ++i) {
        const double scale = weight[i - row * width];
        ExpectNear(out[i], double{residual[i]} / std::sqrt(squares / count + kEpsilon) * scale);
        const double norm = Wide(delta[i]) / std::sqrt(delta_squares / count + kEpsilon) * scale;
        ExpectNear(segments[i], row == 0 ? double{Wide(delta[i])} : norm);
      }
    }
  }
}

TEST_P(RowKernels, NormaliseInBf16) { ExpectNorms<Bf16>(GetParam(), random_); }
TEST_P(RowKernels, NormaliseInFp32) { ExpectNorms<float>(GetParam(), random_); }

template <typename T>
void ExpectGates(Isa isa, std::mt19937& random) {
  for (const int64_t width : kWidths) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", width " << width);
    std::vector<T> gate_up = Random<T>(kRows * 2 * width, random);
    for (T& value : gate_up) Set(4 * Wide(value), &value);
    Set(-200.0f, &gate_up[0]);  // exp of its negative is infinite
    std::vector<T> swiglu(kRows * width), geglu(kRows * width);
    TableOf<T>(isa).swiglu(gate_up.data(), kRows, width, swiglu.data(), 0, width);
    TableOf<T>(isa).geglu(gate_up.data(), kRows, width, geglu.data(), 0, width);
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t i = 0; i < width; ++i) {
        const double gate = Wide(gate_up[row * 2 * width + i]),
                     up = Wide(gate_up[row * 2 * width + width + i]);
        ExpectNear(swiglu[row * width + i], gate / (1 + std::exp(-gate)) * up);
        const double inner = std::sqrt(2 / M_PI) * (gate + 0.044715 * gate * gate * gate);
        ExpectNear(geglu[row * width + i], gate / (1 + std::exp(-2 * inner)) * up);
      }
    }
  }
}

TEST_P(RowKernels, GateInBf16) { ExpectGates<Bf16>(GetParam(), random_); }
TEST_P(RowKernels, GateInFp32) { ExpectGates<float>(GetParam(), random_); }

template <typename T>
void ExpectRotation(Isa isa, std::mt19937& random) {
  constexpr int kHeads = 2, kKvHeads = 1;
  constexpr float kScale = 0.25f;
  const std::vector<int32_t> positions = {2, 0, 1};
  for (const auto& [dim, rotary] : std::vector<std::pair<int, int>>{{16, 16}, {64, 64}, {80, 40}, {48, 0}}) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", " << rotary << " of " << dim);
    const int half = rotary / 2;
    const std::vector<T> qkv = Random<T>(kRows * (kHeads + 2 * kKvHeads) * dim, random);
    const std::vector<float> cos = Random<float>(kRows * half, random),
                             sin = Random<float>(kRows * half, random);
    std::vector<float> query(kRows * kHeads * dim);
    std::vector<T> keys(kRows * dim), values(kRows * dim);
    TableOf<T>(isa).rope_split({.qkv = qkv.data(),
                                .cos = cos.data(),
                                .sin = sin.data(),
                                .positions = positions.data(),
                                .heads = kHeads,
                                .kv_heads = kKvHeads,
                                .head_dim = dim,
                                .rotary_dim = rotary,
                                .scale = kScale,
                                .position_scales = nullptr,
                                .query = query.data(),
                                .keys = keys.data(),
                                .values = values.data()},
                               0, kRows);
    for (int64_t row = 0; row < kRows; ++row) {
      const T* in = qkv.data() + row * (kHeads + 2 * kKvHeads) * dim;
      const auto rotated = [&](int head, int i) -> double {
        const T* x = in + head * dim;
        if (i >= rotary) return Wide(x[i]);
        const int64_t at = positions[row] * half + i % half;
        const double c = cos[at], s = sin[at];
        return i < half ? Wide(x[i]) * c - Wide(x[i + half]) * s : Wide(x[i]) * c + Wide(x[i - half]) * s;
      };
      for (int i = 0; i < dim; ++i) {
        for (int head = 0; head < kHeads; ++head) {
          const double expected = kScale * rotated(head, i);
          EXPECT_NEAR(query[(row * kHeads + head) * dim + i], expected, 1e-6 * (std::abs(expected) + 1));
        }
        const double key = rotated(kHeads, i);
        EXPECT_NEAR(Wide(keys[row * dim + i]), key, Tolerance<T>(key) + 1e-6);
        EXPECT_EQ(Wide(values[row * dim + i]), Wide(in[(kHeads + kKvHeads) * dim + i]));
      }
    }
  }
}

TEST_P(RowKernels, RotateInBf16) { ExpectRotation<Bf16>(GetParam(), random_); }
TEST_P(RowKernels, RotateInFp32) { ExpectRotation<float>(GetParam(), random_); }

TEST_P(RowKernels, RoundToNearestEvenAndKeepNumbersThatAreNone) {
  std::vector<float> numbers = Random<float>(77, random_);
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> edges = {std::numeric_limits<float>::quiet_NaN(),
                                    kInfinity,
                                    -kInfinity,
                                    0.0f,
                                    -0.0f,
                                    1.00390625f,
                                    1.01171875f,
                                    3.4e38f};  // ties at 1 + 1/256 and 1 + 3/256
  numbers.insert(numbers.begin() + 5, edges.begin(), edges.end());
  numbers.insert(numbers.end(), edges.begin(), edges.end());
  std::vector<Bf16> narrow(numbers.size());
  TableOf<Bf16>(GetParam()).narrow(numbers.data(), narrow.data(), std::ssize(numbers));
  for (size_t i = 0; i < numbers.size(); ++i) {
    SCOPED_TRACE(::testing::Message() << "seed " << kSeed << ", " << numbers[i]);
    if (std::isnan(numbers[i])) {
      EXPECT_TRUE(std::isnan(Wide(narrow[i])));
      continue;
    }
    const auto bits = std::bit_cast<uint32_t>(numbers[i]);
    const uint32_t below = bits & 0xffff0000u, rest = bits & 0xffffu;
    const bool up = rest > 0x8000u || (rest == 0x8000u && ((bits >> 16) & 1u) != 0);
    EXPECT_EQ(narrow[i].bits, (below >> 16) + (up ? 1u : 0u));
  }
  std::vector<float> wide(numbers.size());
  TableOf<Bf16>(GetParam()).widen(narrow.data(), wide.data(), std::ssize(narrow));
  for (size_t i = 0; i < wide.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(wide[i]), uint32_t{narrow[i].bits} << 16);
  }
}

TEST_P(RowKernels, AddABiasToTheColumnsAskedFor) {
  constexpr int64_t kWidth = 50, kBegin = 3, kEnd = 45;
  const std::vector<float> bias = Random<float>(kWidth, random_),
                           before = Random<float>(kRows * kWidth, random_);
  std::vector<float> y = before;
  TableOf<float>(GetParam()).add_bias(y.data(), bias.data(), kRows, kWidth, kBegin, kEnd);
  for (int64_t i = 0; i < kRows * kWidth; ++i) {
    const int64_t column = i % kWidth;
    EXPECT_EQ(y[i], column >= kBegin && column < kEnd ? before[i] + bias[column] : before[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(, RowKernels, ::testing::ValuesIn(RunnableIsas().begin(), RunnableIsas().end()),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

}  // namespace
}  // namespace pass::kernels
