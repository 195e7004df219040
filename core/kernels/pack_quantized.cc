#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/check.h"
#include "core/base/half.h"
#include "core/kernels/quantized.h"
#include "core/kernels/widen.h"

namespace pass::kernels {
namespace {

constexpr int64_t kGroup = kQuantizedGroup;

// Four numbers at once: a plain loop's sums would not be vectorised.
constexpr int kLanes = 4, kParts = kGroup / kLanes;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(int32_t))));

// The weights of a group, or its codes as floats.
using GroupLanes = std::array<Lanes, kParts>;

float Sum(Lanes x) {
  float sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
}

Lanes Smaller(Lanes a, Lanes b) { return a < b ? a : b; }
Lanes Larger(Lanes a, Lanes b) { return a > b ? a : b; }

struct Range {
  float low, high;
};
Range RangeOf(const GroupLanes& values) {
  Lanes low = values[0], high = values[0];
  for (const Lanes& part : values) {
    low = Smaller(low, part);
    high = Larger(high, part);
  }
  Range range{low[0], high[0]};
  for (int i = 1; i < kLanes; ++i) range = {std::min(range.low, low[i]), std::max(range.high, high[i])};
  return range;
}

// A group's scale and minimum as they will be read, and what they make of its weights.
struct RoundedGroup {
  uint16_t scale = 0, minimum = 0;
  GroupLanes codes = {};
};

// Codes of values, to nearest; `shift` is what code 0 stands for.
GroupLanes Round(const GroupLanes& values, float scale, float shift, float most) {
  const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
  GroupLanes codes;
  for (int p = 0; p < kParts; ++p) {
    const Lanes exact = (values[p] - shift) * inverse;
    const Lanes within = Smaller(Larger(exact, Lanes{}), Lanes{} + most);
    codes[p] = __builtin_convertvector(__builtin_convertvector(within + 0.5f, IntLanes), Lanes);
  }
  return codes;
}

RoundedGroup RoundToEightBits(const GroupLanes& values) {
  const auto [low, high] = RangeOf(values);
  RoundedGroup group;
  group.scale = FloatToHalf(std::max(-low, high) / 127.0f);
  const float scale = HalfToFloat(group.scale);
  group.codes = Round(values, scale, -128.0f * scale, 255.0f);
  if (scale == 0) group.codes.fill(Lanes{} + 128.0f);
  return group;
}

float SquaredError(const GroupLanes& values, const RoundedGroup& group) {
  const float scale = HalfToFloat(group.scale), minimum = HalfToFloat(group.minimum);
  Lanes error = {};
  for (int p = 0; p < kParts; ++p) {
    const Lanes miss = scale * group.codes[p] + minimum - values[p];
    error += miss * miss;
  }
  return Sum(error);
}

// The scale and minimum that fit the codes best, by least squares; as they are if all codes are the same.
void Fit(const GroupLanes& values, const GroupLanes& codes, float* scale, float* minimum) {
  Lanes sums = {}, code_sums = {}, squares = {}, products = {};
  for (int p = 0; p < kParts; ++p) {
    sums += values[p];
    code_sums += codes[p];
    squares += codes[p] * codes[p];
    products += codes[p] * values[p];
  }
  constexpr auto kCount = static_cast<float>(kGroup);
  const float sum = Sum(sums), code_sum = Sum(code_sums);
  const float determinant = kCount * Sum(squares) - code_sum * code_sum;
  if (determinant <= 0) return;
  *scale = (kCount * Sum(products) - sum * code_sum) / determinant;
  *minimum = (sum - *scale * code_sum) / kCount;
}

// Ranges that leave out more and more of the outermost values; each is fitted once to the codes that it gives.
RoundedGroup RoundToFourBits(const GroupLanes& values) {
  constexpr float kMost = 15.0f;
  const auto [low, high] = RangeOf(values);
  const float middle = 0.5f * (low + high), reach = 0.5f * (high - low);
  RoundedGroup best;
  float least = INFINITY;
  for (const float share : {1.0f, 0.94f, 0.88f, 0.82f, 0.76f}) {
    float scale = 2 * share * reach / kMost, minimum = middle - share * reach;
    RoundedGroup group;
    Fit(values, Round(values, scale, minimum, kMost), &scale, &minimum);
    group.scale = FloatToHalf(scale);
    group.minimum = FloatToHalf(minimum);
    group.codes = Round(values, HalfToFloat(group.scale), HalfToFloat(group.minimum), kMost);
    const float error = SquaredError(values, group);
    if (error < least) {
      least = error;
      best = group;
    }
  }
  return best;
}

// A group that a row's end cuts short is filled up with its last value, which changes no range.
GroupLanes Load(std::span<const float> values) {
  std::array<float, kGroup> filled;
  for (size_t i = 0; i < filled.size(); ++i) filled[i] = values[std::min(i, values.size() - 1)];
  GroupLanes lanes;
  std::memcpy(&lanes, filled.data(), sizeof(lanes));
  return lanes;
}

}  // namespace

void PackQuantizedOutput(QuantizedForm form, const QuantizedOutput& output, int64_t column,
                         std::byte* block) {
  const auto in = static_cast<int64_t>(output.codes.size());
  const int64_t scales = kGroup / ScaleGroup(form), first_code = QuantizedGroupBytes(form) - CodeBytes(form);
  const auto put = [](std::byte* to, uint16_t half) { std::memcpy(to, &half, sizeof(half)); };
  for (int64_t g = 0; g < QuantizedGroups(in); ++g, block += QuantizedGroupBytes(form)) {
    for (int64_t s = 0; s < scales; ++s) {
      const auto index = static_cast<size_t>(g * scales + s);
      if (index >= output.scales.size()) break;  // the second half of a group that is filled up
      put(block + 2 * (s * kLinearBlock + column), output.scales[index]);
    }
    if (HasMinimum(form)) put(block + 2 * (kLinearBlock + column), output.minima[static_cast<size_t>(g)]);
    std::byte* codes = block + first_code;
    const int64_t count = std::min(kGroup, in - g * kGroup);
    for (int64_t i = 0; i < count; ++i) {
      const uint8_t code = output.codes[static_cast<size_t>(g * kGroup + i)];
      if (HasFourBits(form)) {
        codes[(i / 8 * kLinearBlock + column) * 4 + i % 4] |= std::byte(code << (i % 8 / 4 * 4));
      } else {
        codes[(i / 4 * kLinearBlock + column) * 4 + i % 4] = std::byte(code);
      }
    }
  }
}

template <typename T>
void PackQuantized(QuantizedForm form, const T* weight, int64_t out, int64_t in, std::byte* packed,
                   int64_t begin, int64_t end) {
  if (form == QuantizedForm::k16) return PackSixteenBits(weight, out, in, packed, begin, end);
  PASS_CHECK(form == QuantizedForm::k8 || form == QuantizedForm::k4Minimum);
  const auto groups = static_cast<size_t>(QuantizedGroups(in));
  std::vector<float> values(static_cast<size_t>(in));
  std::vector<uint8_t> codes(values.size());
  std::vector<uint16_t> scales(groups), minima(form == QuantizedForm::k4Minimum ? groups : 0);
  for (int64_t block = begin; block < end; ++block) {
    std::byte* to = packed + block * QuantizedBlockBytes(form, in);
    std::memset(to, 0, static_cast<size_t>(QuantizedBlockBytes(form, in)));
    const int64_t first = block * kLinearBlock;
    for (int64_t column = 0; column < std::min(kLinearBlock, out - first); ++column) {
      const T* row = weight + (first + column) * in;
      for (size_t i = 0; i < values.size(); ++i) values[i] = Widen(row[i]);
      for (size_t g = 0; g < groups; ++g) {
        const size_t at = g * kGroup, count = std::min<size_t>(kGroup, values.size() - at);
        const GroupLanes group_values = Load(std::span(values).subspan(at, count));
        const RoundedGroup group =
            form == QuantizedForm::k8 ? RoundToEightBits(group_values) : RoundToFourBits(group_values);
        for (size_t i = 0; i < count; ++i) {
          codes[at + i] = static_cast<uint8_t>(group.codes[i / kLanes][i % kLanes]);
        }
        scales[g] = group.scale;
        if (!minima.empty()) minima[g] = group.minimum;
      }
      PackQuantizedOutput(form, {.codes = codes, .scales = scales, .minima = minima}, column, to);
    }
  }
}

template void PackQuantized(QuantizedForm, const Bf16*, int64_t, int64_t, std::byte*, int64_t, int64_t);
template void PackQuantized(QuantizedForm, const float*, int64_t, int64_t, std::byte*, int64_t, int64_t);

}  // namespace pass::kernels
