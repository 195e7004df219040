// The products with quantised weights of every instruction set that this CPU can run, against the plain formulation in double,
// and the rounding of weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "core/base/half.h"
#include "core/kernels/quantized.h"

namespace pass::kernels {
namespace {

constexpr QuantizedForm kForms[] = {QuantizedForm::k8, QuantizedForm::k8Halves,  QuantizedForm::k8Minimum,
                                    QuantizedForm::k4, QuantizedForm::k4Minimum, QuantizedForm::k16};

// A weight [out, in] in plain numbers and packed.
struct Weight {
  QuantizedForm form;
  int64_t out, in;
  std::vector<double> values;
  std::vector<std::byte> packed;
};

// Without the values that the packed ones stand for.
template <typename T>
Weight Pack(QuantizedForm form, const std::vector<T>& plain, int64_t out, int64_t in) {
  Weight weight{form, out, in, {}, {}};
  weight.packed.resize(LinearBlocks(out) * QuantizedBlockBytes(form, in), std::byte{0xff});
  PackQuantized(form, plain.data(), out, in, weight.packed.data(), 0, LinearBlocks(out));
  return weight;
}

// x in sixteen bits beside others of the largest magnitude: in double, as the kernels round it.
double RoundedToSixteenBits(float x, float largest) {
  if (largest == 0) return 0;
  const double scale = std::ldexp(1.0, std::ilogb(largest) - kCodeExponent);
  return std::clamp<double>(std::nearbyint(x / scale), -kMostCode, kMostCode) * scale;
}

// Numbers in groups of 32 of a row of `in`, each as round(number, the group's largest magnitude).
template <typename Round>
std::vector<double> RoundGroups(const std::vector<float>& x, int64_t in, Round round) {
  std::vector<double> rounded(x.size());
  for (size_t row = 0; row < x.size(); row += in) {
    for (int64_t g = 0; g < in; g += kQuantizedGroup) {
      const int64_t end = std::min(in, g + kQuantizedGroup);
      float largest = 0;
      for (int64_t i = g; i < end; ++i) largest = std::max(largest, std::abs(x[row + i]));
      for (int64_t i = g; i < end; ++i) rounded[row + i] = round(x[row + i], largest);
    }
  }
  return rounded;
}

// Numbers of many magnitudes, which are rounded.
Weight RandomSixteenBits(int64_t out, int64_t in, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> plain(out * in);
  for (float& value : plain) value = normal(random) * std::exp2(normal(random) * 3);
  Weight weight = Pack(QuantizedForm::k16, plain, out, in);
  weight.values = RoundGroups(plain, in, RoundedToSixteenBits);
  return weight;
}

Weight RandomWeight(QuantizedForm form, int64_t out, int64_t in, std::mt19937& random) {
  if (form == QuantizedForm::k16) return RandomSixteenBits(out, in, random);
  Weight weight{form, out, in, std::vector<double>(out * in), {}};
  weight.packed.resize(LinearBlocks(out) * QuantizedBlockBytes(form, in));
  std::normal_distribution<float> normal;
  const int64_t per_scale = ScaleGroup(form), scales = (in + per_scale - 1) / per_scale;
  for (int64_t o = 0; o < out; ++o) {
    std::vector<uint8_t> codes(in);
    std::vector<uint16_t> halves(scales), minima(HasMinimum(form) ? scales : 0);
    for (uint8_t& code : codes) code = static_cast<uint8_t>(random() % (HasFourBits(form) ? 16 : 256));
    for (uint16_t& half : halves) half = FloatToHalf(normal(random) / 100);
    for (uint16_t& half : minima) half = FloatToHalf(normal(random) / 10);
    for (int64_t i = 0; i < in; ++i) {
      const double scale = HalfToFloat(halves[i / per_scale]);
      weight.values[o * in + i] = HasMinimum(form) ? scale * codes[i] + HalfToFloat(minima[i / per_scale])
                                                   : scale * (codes[i] - ZeroCode(form));
    }
    PackQuantizedOutput(form, {codes, halves, minima}, o % kLinearBlock,
                        weight.packed.data() + o / kLinearBlock * QuantizedBlockBytes(form, in));
  }
  return weight;
}

std::vector<float> Random(int64_t count, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

void Set(float value, float* out) { *out = value; }
void Set(float value, Bf16* out) { out->bits = static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16); }

template <typename T>
std::vector<T> Multiply(Isa isa, const Weight& weight, const std::vector<T>& x, int64_t rows,
                        int64_t padding = 0) {
  const QuantizedTable<T>& table = QuantizedTableOf<T>(isa);
  const InputRounding<T>& inputs = table.inputs(weight.form);
  std::vector<std::byte> quantized(QuantizedGroups(weight.in) * rows * inputs.group_bytes);
  inputs.quantize(x.data(), rows, weight.in, quantized.data(), 0, rows);
  std::vector<T> y(rows * (weight.out + padding));
  for (T& value : y) Set(-1.0f, &value);
  table.multiply({weight.form, weight.packed.data(), weight.out, weight.in, quantized.data(), rows,
                  weight.out + padding},
                 y.data(), 0, LinearBlocks(weight.out));
  return y;
}

// Inputs as the kernels round them, in double.
std::vector<double> Rounded(QuantizedForm form, const std::vector<float>& x, int64_t in) {
  if (HasSixteenBits(form)) return RoundGroups(x, in, RoundedToSixteenBits);
  return RoundGroups(x, in, [](float value, float largest) -> double {
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    return std::nearbyint(value * inverse) * (largest / 127.0f);
  });
}

class QuantizedKernels : public ::testing::TestWithParam<Isa> {};

TEST_P(QuantizedKernels, GiveThePlainFormulation) {
  const unsigned seed = 27;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const QuantizedForm form : kForms) {
    for (const auto& [out, in] :
         std::vector<std::pair<int64_t, int64_t>>{{96, 64}, {100, 288}, {1, 1}, {31, 40}, {33, 80}}) {
      const Weight weight = RandomWeight(form, out, in, random);
      for (int64_t rows = 1; rows <= 40; rows += rows < 14 ? 1 : 13) {
        SCOPED_TRACE(::testing::Message()
                     << "form " << int(form) << ", " << out << " x " << in << ", " << rows << " rows");
        const std::vector<float> x = Random(rows * in, random);
        const std::vector<double> rounded = Rounded(form, x, in);
        constexpr int64_t kPadding = 3;
        const std::vector<float> y = Multiply(GetParam(), weight, x, rows, kPadding);
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t o = 0; o < out; ++o) {
            double expected = 0, size = 0;
            for (int64_t i = 0; i < in; ++i) {
              const double product = rounded[row * in + i] * weight.values[o * in + i];
              expected += product;
              size += std::abs(product);
            }
            // Sums that cancel are larger on the way: codes are unsigned.
            ASSERT_NEAR(y[row * (out + kPadding) + o], expected, 4e-5 * (size + 0.1))
                << "output " << o << " of row " << row;
          }
          for (int64_t o = out; o < out + kPadding; ++o) ASSERT_EQ(y[row * (out + kPadding) + o], -1.0f);
        }
      }
    }
  }
}

TEST_P(QuantizedKernels, GiveARowTheSameBitsWhateverItsForward) {
  std::mt19937 random(28);
  constexpr int64_t kOut = 100, kRows = 40;
  for (const QuantizedForm form : kForms) {
    for (const int64_t in : {576, 577}) {
      SCOPED_TRACE(::testing::Message() << "form " << int(form) << ", " << in << " inputs");
      const Weight weight = RandomWeight(form, kOut, in, random);
      const std::vector<float> x = Random(kRows * in, random);
      const std::vector<float> all = Multiply(GetParam(), weight, x, kRows);
      for (int64_t rows = 1; rows < kRows; rows += rows < 14 ? 1 : 5) {
        const std::vector<float> some = Multiply(GetParam(), weight, x, rows);
        ASSERT_EQ(std::memcmp(some.data(), all.data(), some.size() * sizeof(float)), 0) << rows << " rows";
      }
      const QuantizedTable<float>& table = QuantizedTableOf<float>(GetParam());
      const InputRounding<float>& inputs = table.inputs(form);
      std::vector<std::byte> quantized(QuantizedGroups(in) * 3 * inputs.group_bytes);
      for (int64_t row = 2; row >= 0; --row) inputs.quantize(x.data(), 3, in, quantized.data(), row, row + 1);
      std::vector<float> blockwise(3 * kOut);
      for (int64_t block = LinearBlocks(kOut) - 1; block >= 0; --block) {
        table.multiply({form, weight.packed.data(), kOut, in, quantized.data(), 3, kOut}, blockwise.data(),
                       block, block + 1);
      }
      ASSERT_EQ(std::memcmp(blockwise.data(), all.data(), blockwise.size() * sizeof(float)), 0);
    }
  }
}

TEST(QuantizedKernelsWithFusedMultiplyAdds, GiveTheSameBits) {
  if (CpuIsa() < Isa::kAvx2) GTEST_SKIP() << "this CPU has no fused multiply-adds";
  std::mt19937 random(29);
  constexpr int64_t kMostRows = 64, kOut = 100;
  for (const QuantizedForm form : kForms) {
    for (const int64_t in : {32, 300, 576}) {
      const Weight weight = RandomWeight(form, kOut, in, random);
      std::vector<float> x = Random(kMostRows * in, random);
      x[in + 20] = std::numeric_limits<float>::infinity();
      for (int64_t i = 0; i < 32; ++i) x[2 * in + i] = 0.0f;
      for (int64_t rows = 1; rows <= kMostRows; rows += rows < 14 ? 1 : 10) {
        x[(rows - 1) * in + 1] *= 100;  // a scale unlike the others'
        const std::vector<float> some(x.begin(), x.begin() + rows * in);
        const std::vector<float> expected = Multiply(Isa::kAvx2, weight, some, rows);
        for (const Isa isa : RunnableIsas()) {
          if (isa <= Isa::kAvx2) continue;
          const std::vector<float> y = Multiply(isa, weight, some, rows);
          ASSERT_EQ(std::memcmp(y.data(), expected.data(), y.size() * sizeof(float)), 0)
              << "form " << int(form) << ", " << in << " inputs, " << rows << " rows, " << IsaName(isa);
        }
      }
    }
  }
}

TEST_P(QuantizedKernels, MakeARowWithANumberThatIsNoneNaN) {
  std::mt19937 random(30);
  constexpr int64_t kOut = 40, kIn = 96;
  for (const float none : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                           -std::numeric_limits<float>::infinity()}) {
    for (const QuantizedForm form : kForms) {
      const Weight weight = RandomWeight(form, kOut, kIn, random);
      for (const int64_t rows : {2, 21}) {
        std::vector<float> x = Random(rows * kIn, random);
        x[70] = none;
        const std::vector<float> y = Multiply(GetParam(), weight, x, rows);
        for (int64_t at = 0; at < rows * kOut; ++at) {
          EXPECT_TRUE(at < kOut ? std::isnan(y[at]) : std::isfinite(y[at]))
              << at << " of " << rows << " rows";
        }
      }
    }
  }
}

TEST_P(QuantizedKernels, TakeZerosAndTheSmallestNumbersAsZeros) {
  std::mt19937 random(31);
  for (const QuantizedForm form : kForms) {
    const Weight weight = RandomWeight(form, 32, 64, random);
    std::vector<float> x(64, 0.0f);
    x[40] = std::numeric_limits<float>::denorm_min();
    for (const float y : Multiply(GetParam(), weight, x, 1)) EXPECT_EQ(y, 0.0f);
  }
}

// 32 times the largest product is just below 2^31.
TEST_P(QuantizedKernels, HoldTheLargestSumsOfSixteenBits) {
  constexpr int64_t kOut = 33, kIn = 64;
  for (const float sign : {1.0f, -1.0f}) {
    const std::vector<float> plain(kOut * kIn, sign * 8191.9f), x(13 * kIn, 8191.9f);
    const Weight weight = Pack(QuantizedForm::k16, plain, kOut, kIn);
    for (const float y : Multiply(GetParam(), weight, x, 13)) {
      ASSERT_FLOAT_EQ(y, sign * kIn * kMostCode * kMostCode);
    }
  }
}

TEST_P(QuantizedKernels, RoundInputsAndOutputsInBf16AsInFp32) {
  std::mt19937 random(32);
  constexpr int64_t kRows = 5, kOut = 100, kIn = 160;
  std::vector<float> x = Random(kRows * kIn, random);
  std::vector<Bf16> narrow(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    Set(x[i], &narrow[i]);
    x[i] = std::bit_cast<float>(uint32_t{narrow[i].bits} << 16);
  }
  for (const QuantizedForm form : kForms) {
    const Weight weight = RandomWeight(form, kOut, kIn, random);
    const std::vector<float> y = Multiply(GetParam(), weight, x, kRows);
    const std::vector<Bf16> rounded = Multiply(GetParam(), weight, narrow, kRows);
    for (size_t i = 0; i < y.size(); ++i) {
      const uint32_t bits = std::bit_cast<uint32_t>(y[i]);
      EXPECT_EQ(rounded[i].bits, (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, QuantizedKernels,
                         ::testing::ValuesIn(std::vector<Isa>(RunnableIsas().begin(), RunnableIsas().end())),
                         [](const auto& test) { return std::string(IsaName(test.param)); });

// What a packed weight holds, read off by products with single inputs: 127 is a code without an error.
std::vector<float> Unpacked(const Weight& weight) {
  std::vector<float> x(weight.in * weight.in, 0.0f);
  for (int64_t i = 0; i < weight.in; ++i) x[i * weight.in + i] = 127.0f;
  std::vector<float> columns = Multiply(ActiveIsa(), weight, x, weight.in), values(columns.size());
  for (int64_t o = 0; o < weight.out; ++o) {
    for (int64_t i = 0; i < weight.in; ++i) {
      values[o * weight.in + i] = columns[i * weight.out + o] / 127.0f;
    }
  }
  return values;
}

// The largest and the root mean square of the errors, in units of a group's largest magnitude.
std::pair<double, double> Errors(QuantizedForm form, const std::vector<float>& plain, int64_t out,
                                 int64_t in) {
  const std::vector<float> unpacked = Unpacked(Pack(form, plain, out, in));
  double largest_error = 0, squares = 0;
  for (int64_t at = 0;
       at<out * in; at += at % in + kQuantizedGroup> in ? in % kQuantizedGroup : kQuantizedGroup) {
    const int64_t end = std::min(at + kQuantizedGroup, at - at % in + in);
    double largest = 0;
    for (int64_t i = at; i < end; ++i) largest = std::max<double>(largest, std::abs(plain[i]));
    for (int64_t i = at; i < end; ++i) {
      const double error = std::abs(unpacked[i] - plain[i]) / largest;
      largest_error = std::max(largest_error, error);
      squares += error * error;
    }
  }
  return {largest_error, std::sqrt(squares / static_cast<double>(plain.size()))};
}

TEST(QuantizedWeights, AreWithinHalfAStepInEightBits) {
  std::mt19937 random(33);
  for (const int64_t in : {96, 50}) {
    std::vector<float> plain = Random(40 * in, random);
    for (float& value : plain) value /= 30;
    EXPECT_LT(Errors(QuantizedForm::k8, plain, 40, in).first, 0.5 / 127 * 1.2) << in;  // and a rounded scale
  }
}

TEST(QuantizedWeights, AreBetterInFourBitsThanTheWholeRangeInEqualSteps) {
  std::mt19937 random(34);
  std::vector<float> plain = Random(64 * 96, random);
  for (float& value : plain) value /= 30;
  // Of a normal distribution a group's range is some 4.1 sigma and its largest magnitude 2.3: equal steps of a
  // fifteenth of the range have a root mean square of 4.1 / 15 / sqrt(12) / 2.3 = 0.0343.
  EXPECT_LT(Errors(QuantizedForm::k4Minimum, plain, 64, 96).second, 0.0335);
}

// Whatever bf16 can say of a magnitude of 1/32 of the largest or more, and of groups of any size.
TEST(QuantizedWeights, StayWhatTheyAreInSixteenBits) {
  std::mt19937 random(35);
  constexpr int64_t kOut = 40, kIn = 64;
  for (const float magnitude : {1e-30f, 1e-4f, 1.0f, 1e30f}) {
    std::vector<Bf16> plain(kOut * kIn);
    std::vector<double> values;
    std::uniform_real_distribution<float> above(1.0f / 31, 1.0f);
    for (Bf16& value : plain) {
      Set((random() % 2 == 0 ? magnitude : -magnitude) * above(random), &value);
      values.push_back(std::bit_cast<float>(uint32_t{value.bits} << 16));
    }
    const std::vector<float> unpacked = Unpacked(Pack(QuantizedForm::k16, plain, kOut, kIn));
    for (size_t i = 0; i < values.size(); ++i) ASSERT_EQ(unpacked[i], values[i]) << "of " << magnitude;
  }
}

TEST(QuantizedWeights, ThatAreNoNumberMakeTheirOutputNoneInSixteenBits) {
  constexpr int64_t kIn = 64;
  std::vector<float> plain(3 * kIn, 1.0f);
  plain[kIn + 5] = std::numeric_limits<float>::quiet_NaN();
  plain[2 * kIn + 40] = std::numeric_limits<float>::infinity();
  const std::vector<float> y =
      Multiply(ActiveIsa(), Pack(QuantizedForm::k16, plain, 3, kIn), std::vector<float>(kIn, 1.0f), 1);
  EXPECT_EQ(y[0], kIn);
  EXPECT_TRUE(std::isnan(y[1]) && std::isnan(y[2]));
}

TEST(QuantizedWeights, OfEqualOrNoValuesStayWhatTheyAre) {
  for (const QuantizedForm form : {QuantizedForm::k8, QuantizedForm::k4Minimum, QuantizedForm::k16}) {
    for (const float value : {0.0f, 0.25f, -0.5f}) {
      const std::vector<float> plain(32 * 64, value);
      for (const float unpacked : Unpacked(Pack(form, plain, 32, 64))) ASSERT_NEAR(unpacked, value, 1e-4);
    }
  }
}

TEST(Half, IsRoundedToNearestEvenAndReadBack) {
  for (uint32_t bits = 0; bits < 0x10000u; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float wide = HalfToFloat(half);
    if (std::isnan(wide)) {
      EXPECT_TRUE(std::isnan(HalfToFloat(FloatToHalf(wide))));
      continue;
    }
    ASSERT_EQ(FloatToHalf(wide), half);
    if ((half & 0x7fffu) >= 0x7bffu) continue;
    // Halfway to the next, and a little to either side.
    const float next = HalfToFloat(static_cast<uint16_t>(half + 1)), middle = wide + (next - wide) / 2;
    ASSERT_EQ(FloatToHalf(middle), half + (half & 1)) << bits;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, wide)), half);
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, next)), half + 1);
  }
  EXPECT_EQ(FloatToHalf(65519.0f), 0x7bff);
  EXPECT_EQ(FloatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(FloatToHalf(-std::numeric_limits<float>::infinity()), 0xfc00);
}

}  // namespace
}  // namespace pass::kernels
