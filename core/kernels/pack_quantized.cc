#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/base/check.h"
#include "core/base/half.h"
#include "core/kernels/quantized.h"

namespace pass::kernels {
namespace {

constexpr int64_t kGroup = kQuantizedGroup;

float Widen(float x) { return x; }
float Widen(Bf16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

// A group's scale and minimum as they will be read, and what they make of its weights.
struct RoundedGroup {
  uint16_t scale = 0, minimum = 0;
  std::array<uint8_t, kGroup> codes = {};
};

// Codes of values, to nearest; `shift` is what code 0 stands for.
void Round(std::span<const float> values, float scale, float shift, float most, std::span<uint8_t> codes) {
  const float inverse = scale != 0 ? 1.0f / scale : 0.0f;
  for (size_t i = 0; i < values.size(); ++i) {
    const float code = std::floor((values[i] - shift) * inverse + 0.5f);
    codes[i] = static_cast<uint8_t>(std::clamp(code, 0.0f, most));
  }
}

RoundedGroup RoundToEightBits(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  RoundedGroup group;
  group.scale = FloatToHalf(largest / 127.0f);
  const float scale = HalfToFloat(group.scale);
  Round(values, scale, -128.0f * scale, 255.0f, group.codes);
  if (scale == 0) group.codes.fill(128);
  return group;
}

float SquaredError(std::span<const float> values, const RoundedGroup& group) {
  const float scale = HalfToFloat(group.scale), minimum = HalfToFloat(group.minimum);
  float error = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float miss = scale * group.codes[i] + minimum - values[i];
    error += miss * miss;
  }
  return error;
}

// The scale and minimum that fit the codes best, by least squares; false: all codes are the same.
bool Fit(std::span<const float> values, std::span<const uint8_t> codes, float* scale, float* minimum) {
  float sum = 0, code_sum = 0, squares = 0, products = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const float code = codes[i];
    sum += values[i];
    code_sum += code;
    squares += code * code;
    products += code * values[i];
  }
  const auto count = static_cast<float>(values.size());
  const float determinant = count * squares - code_sum * code_sum;
  if (determinant <= 0) return false;
  *scale = (count * products - sum * code_sum) / determinant;
  *minimum = (sum - *scale * code_sum) / count;
  return true;
}

// Ranges that leave out more and more of the outermost values; each is fitted once to the codes that it gives.
RoundedGroup RoundToFourBits(std::span<const float> values) {
  constexpr float kMost = 15.0f;
  const auto [low, high] = std::ranges::minmax(values);
  const float middle = 0.5f * (low + high), reach = 0.5f * (high - low);
  RoundedGroup best;
  float least = INFINITY;
  for (const float share : {1.0f, 0.94f, 0.88f, 0.82f, 0.76f}) {
    float scale = 2 * share * reach / kMost, minimum = middle - share * reach;
    RoundedGroup group;
    const std::span<uint8_t> codes = std::span(group.codes).first(values.size());
    Round(values, scale, minimum, kMost, codes);
    Fit(values, codes, &scale, &minimum);
    group.scale = FloatToHalf(scale);
    group.minimum = FloatToHalf(minimum);
    Round(values, HalfToFloat(group.scale), HalfToFloat(group.minimum), kMost, codes);
    const float error = SquaredError(values, group);
    if (error < least) {
      least = error;
      best = group;
    }
  }
  return best;
}

}  // namespace

void PackQuantizedOutput(QuantizedForm form, const QuantizedOutput& output, int64_t column,
                         std::byte* block) {
  const auto in = static_cast<int64_t>(output.codes.size());
  const int64_t scales = kGroup / ScaleGroup(form),
                first_code = QuantizedGroupBytes(form) - kLinearBlock * kGroup / (HasFourBits(form) ? 2 : 1);
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
        const std::span<const float> group_values = std::span(values).subspan(at, count);
        const RoundedGroup group =
            form == QuantizedForm::k8 ? RoundToEightBits(group_values) : RoundToFourBits(group_values);
        std::copy_n(group.codes.begin(), count, codes.begin() + static_cast<ptrdiff_t>(at));
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
