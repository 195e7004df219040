#include <algorithm>
#include <bit>
#include <cstring>

#include "core/kernels/quantized.h"
#include "core/kernels/widen.h"

namespace pass::kernels {
namespace {

constexpr int64_t kGroup = kQuantizedGroup;

// Plain loops, which the compiler vectorises. Writes 32 codes and returns the scale; of a group with an infinity or a NaN it is NaN.
Bf16 RoundGroup(const float (&weights)[kGroup], int16_t (&codes)[kGroup]) {
  uint32_t largest = 0;
  for (const float weight : weights)
    largest = std::max(largest, std::bit_cast<uint32_t>(weight) & 0x7fffffffu);
  const uint32_t exponent = largest >> 23;
  std::fill_n(codes, kGroup, int16_t{0});
  if (exponent == 0xff) return {0x7fc0};
  if (exponent <= kCodeExponent) return {0};
  const auto scale = std::bit_cast<float>((exponent - kCodeExponent) << 23);
  const float inverse = 1.0f / scale;
  constexpr auto kMost = static_cast<float>(kMostCode);
  constexpr float kRound = 0x1.8p23f;  // added and taken away it rounds to nearest even
  for (int64_t i = 0; i < kGroup; ++i) {
    const float code = (weights[i] * inverse + kRound) - kRound;
    codes[i] = static_cast<int16_t>(std::clamp(code, -kMost, kMost));
  }
  return {static_cast<uint16_t>((exponent - kCodeExponent) << 7)};
}

template <typename T>
void PackBlock(const T* weight, int64_t outputs, int64_t in, std::byte* block) {
  for (int64_t first = 0; first < in; first += kGroup, block += QuantizedGroupBytes(QuantizedForm::k16)) {
    auto* scales = reinterpret_cast<Bf16*>(block);
    std::byte* packed = block + kLinearBlock * sizeof(Bf16);
    const int64_t count = std::min(kGroup, in - first);
    for (int64_t column = 0; column < kLinearBlock; ++column) {
      float weights[kGroup] = {};
      if (column < outputs) {
        for (int64_t i = 0; i < count; ++i) weights[i] = Widen(weight[column * in + first + i]);
      }
      int16_t codes[kGroup];
      scales[column] = RoundGroup(weights, codes);
      constexpr int64_t kPairBytes = 2 * sizeof(int16_t);
      for (int64_t pair = 0; pair < kGroup / 2; ++pair) {
        std::memcpy(packed + (pair * kLinearBlock + column) * kPairBytes, codes + 2 * pair, kPairBytes);
      }
    }
  }
}

}  // namespace

template <typename T>
void PackSixteenBits(const T* weight, int64_t out, int64_t in, std::byte* packed, int64_t begin,
                     int64_t end) {
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kLinearBlock;
    PackBlock(weight + first * in, std::min(kLinearBlock, out - first), in,
              packed + block * QuantizedBlockBytes(QuantizedForm::k16, in));
  }
}

template void PackSixteenBits(const Bf16*, int64_t, int64_t, std::byte*, int64_t, int64_t);
template void PackSixteenBits(const float*, int64_t, int64_t, std::byte*, int64_t, int64_t);

}  // namespace pass::kernels
