// The inputs of quantised weights, rounded by row and group, and the table of an instruction set; see quantized.h.
#include <cmath>
#include <cstring>
#include <limits>

#include "core/kernels/lanes.h"
#include "core/kernels/quantized_kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int64_t kHalf = kQuantizedGroup / 2;
static_assert(kHalf == kLanes);
// Of a smaller magnitude the reciprocal might be infinite: such a group counts as zeros.
constexpr float kLeastMagnitude = 1e-35f;
constexpr int32_t kInfinity = 0x7f800000;
constexpr int32_t kOne = 127;  // the exponent of 1

// To nearest even, of magnitudes that int32 holds.
inline IntLanes Round(Lanes x) {
#if defined(__AVX512F__)
  return (IntLanes)_mm512_maskz_cvtps_epi32(0xffff, (__m512)x);
#elif defined(__SSE2__)
  IntLanes rounded;
  for (int i = 0; i < kLanes; i += 4) {
    __m128 part;
    std::memcpy(&part, reinterpret_cast<const char*>(&x) + i * sizeof(float), sizeof(part));
    const __m128i whole = _mm_cvtps_epi32(part);
    std::memcpy(reinterpret_cast<char*>(&rounded) + i * sizeof(int32_t), &whole, sizeof(whole));
  }
  return rounded;
#else
  IntLanes rounded = {};
  for (int i = 0; i < kLanes; ++i) rounded[i] = static_cast<int32_t>(std::nearbyint(x[i]));
  return rounded;
#endif
}

// The largest magnitude's bits, which order as the magnitudes do: of an infinity or a NaN at least kInfinity.
inline int32_t LargestMagnitude(Lanes a, Lanes b) {
  IntLanes first, second;
  std::memcpy(&first, &a, sizeof(first));
  std::memcpy(&second, &b, sizeof(second));
  first &= 0x7fffffff;
  second &= 0x7fffffff;
  return MaxLanes(Larger(first, second));
}

void QuantizeGroup(Lanes first, Lanes second, InputGroup* group) {
  const int32_t bits = LargestMagnitude(first, second);
  const float largest = std::bit_cast<float>(bits);
  float inverse = 0.0f;
  group->scale = 0.0f;
  if (bits >= kInfinity) {
    group->scale = std::numeric_limits<float>::quiet_NaN();
    first = second = Lanes{};
  } else if (largest >= kLeastMagnitude) {
    inverse = 127.0f / largest;
    group->scale = largest / 127.0f;
  }
  const IntLanes codes[2] = {Round(first * inverse), Round(second * inverse)};
  typedef int8_t ByteLanes __attribute__((vector_size(kLanes)));
  for (int half = 0; half < 2; ++half) {
    const ByteLanes bytes = __builtin_convertvector(codes[half], ByteLanes);
    std::memcpy(group->codes + half * kHalf, &bytes, sizeof(bytes));
  }
  const int32_t sums[2] = {SumLanes(codes[0]), SumLanes(codes[1])}, sum = sums[0] + sums[1];
  group->scaled_sum = group->scale * static_cast<float>(sum);
  group->start8 = -ZeroCode(QuantizedForm::k8) * sum;
  group->start4 = -ZeroCode(QuantizedForm::k4) * sum;
  for (int half = 0; half < 2; ++half) {
    group->start8_halves[half] = -ZeroCode(QuantizedForm::k8Halves) * sums[half];
  }
#if !defined(__AVX512VNNI__)
  for (int64_t i = 0; i < kQuantizedGroup; ++i) group->pairs[i / 4][i % 2][i % 4 / 2] = group->codes[i];
#endif
}

// Scales are powers of two, so that nothing is lost but low bits of small numbers.
void QuantizeGroup(Lanes first, Lanes second, WideInputGroup* group) {
  const int32_t exponent = LargestMagnitude(first, second) >> 23;
  float inverse = 0.0f;
  group->scale = 0.0f;
  if (exponent == kInfinity >> 23) {
    group->scale = std::numeric_limits<float>::quiet_NaN();
    first = second = Lanes{};
  } else if (exponent > kCodeExponent) {
    group->scale = std::bit_cast<float>((exponent - kCodeExponent) << 23);
    inverse = std::bit_cast<float>((2 * kOne - (exponent - kCodeExponent)) << 23);
  }
  typedef int16_t ShortLanes __attribute__((vector_size(kLanes * sizeof(int16_t))));
  const Lanes halves[2] = {first, second};
  for (int half = 0; half < 2; ++half) {
    const IntLanes most = IntLanes{} + kMostCode;
    IntLanes codes = Round(halves[half] * inverse);
    codes = codes > most ? most : codes;
    codes = codes < -most ? -most : codes;
    const ShortLanes shorts = __builtin_convertvector(codes, ShortLanes);
    std::memcpy(group->codes + half * kHalf, &shorts, sizeof(shorts));
  }
}

}  // namespace

template <typename Group, typename T>
void QuantizeRows(const T* x, int64_t rows, int64_t in, std::byte* quantized, int64_t begin, int64_t end) {
  auto* groups = reinterpret_cast<Group*>(quantized);
  for (int64_t row = begin; row < end; ++row) {
    const T* from = x + row * in;
    Group* to = groups + row;
    for (int64_t i = 0; i < in; i += kQuantizedGroup, to += rows) {
      const int64_t count = in - i;
      const Lanes second = count > kHalf ? LoadWide(from + i + kHalf, count - kHalf) : Lanes{};
      QuantizeGroup(LoadWide(from + i, count), second, to);
    }
  }
}

namespace {

template <typename T>
constexpr QuantizedTable<T> MakeTable() {
  return {.eight_bits = {sizeof(InputGroup), &QuantizeRows<InputGroup, T>},
          .sixteen_bits = {sizeof(WideInputGroup), &QuantizeRows<WideInputGroup, T>},
          .multiply = &MultiplyQuantized<T>};
}

}  // namespace

extern const QuantizedTable<Bf16> kBf16Quantized;
extern const QuantizedTable<float> kFloatQuantized;
const QuantizedTable<Bf16> kBf16Quantized = MakeTable<Bf16>();
const QuantizedTable<float> kFloatQuantized = MakeTable<float>();

}  // namespace pass::kernels::PASS_KERNEL_ISA
