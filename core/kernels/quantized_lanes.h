// What the products with quantised weights compute with, and what a group of inputs adds to y. As lanes.h for the files that are
// compiled once per instruction set, and for them alone.
#pragma once

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "core/kernels/lanes.h"
#include "core/kernels/quantized_kernels.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int kBlockRegisters = kLinearBlock / kRegisterWidth;
constexpr int kQuads = kQuantizedGroup / 4;  // of a group: four inputs that a lane takes at once
// Bytes of two inputs in 16 bits, of four in 8 bits or of eight in 4 bits, for all outputs of a block.
constexpr int64_t kQuadBytes = 4 * kLinearBlock;
constexpr int64_t kScaleBytes = 2 * kLinearBlock;
constexpr int64_t kLine = 64, kAhead = 8192;  // bytes
constexpr int kLevel2 = 2;                    // where to, as __builtin_prefetch counts

#define PASS_INLINE inline __attribute__((always_inline))

// Parts of a group that have scales of their own.
template <QuantizedForm kForm>
constexpr int kParts = static_cast<int>(kQuantizedGroup / ScaleGroup(kForm));

template <QuantizedForm kForm>
constexpr int64_t kCodesAt = QuantizedGroupBytes(kForm) - CodeBytes(kForm);  // of a group

template <QuantizedForm kForm>
using InputOf = std::conditional_t<HasSixteenBits(kForm), WideInputGroup, InputGroup>;

// Rows of one block.
struct BlockRows {
  const std::byte* x;  // InputOf the form, of the first row
  int64_t all_rows;    // of the forward: groups are so far apart
  const std::byte* block;
  int64_t groups;
  const std::byte* ahead;  // weights that are asked for,
  int64_t step;            // so many bytes further with each kQuadBytes of codes that are read
};

// Asks for weights one by one, beside the products: asked for at once they would wait for each other, and the products for them.
struct Ahead {
  const std::byte* at;
  int64_t step;

  template <int kColumns>
  PASS_INLINE void Ask() {
    __builtin_prefetch(at, 0, kLevel2);
    if constexpr (kColumns == kBlockRegisters) __builtin_prefetch(at + kLine, 0, kLevel2);
    at += step;
  }
};

PASS_INLINE BitRegister LoadBits(const std::byte* from) { return (BitRegister)LoadRegister(from); }

// kRegisterWidth numbers of binary16.
PASS_INLINE Register LoadHalves(const std::byte* from) {
#if defined(__AVX512F__)
  return (Register)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
#elif defined(__F16C__)
  return (Register)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
#else  // HalfToFloat of core/base/half.h; a scale is finite
  typedef uint16_t Halves __attribute__((vector_size(kRegisterWidth * sizeof(uint16_t))));
  Halves halves;
  std::memcpy(&halves, from, sizeof(halves));
  const BitRegister bits = __builtin_convertvector(halves, BitRegister);
  const Register magnitude = (Register)((bits & 0x7fffu) << 13) * 0x1p112f;
  return (Register)((BitRegister)magnitude | (bits & 0x8000u) << 16);
#endif
}

// The scales of some outputs: kRegisterWidth of them.
template <QuantizedForm kForm>
PASS_INLINE Register LoadScales(const std::byte* from) {
  if constexpr (HasSixteenBits(kForm)) return WidenRegister(reinterpret_cast<const Bf16*>(from));
  return LoadHalves(from);
}

// Two quads of inputs from eight nibbles of each output.
PASS_INLINE void SplitNibbles(const std::byte* codes, BitRegister* low, BitRegister* high) {
  const BitRegister packed = LoadBits(codes);
  *low = packed & 0x0f0f0f0fu;
  *high = packed >> 4 & 0x0f0f0f0fu;
}

// What the codes' zero adds to the sum of products with part `part` of a group.
template <QuantizedForm kForm>
PASS_INLINE IntRegister StartOf([[maybe_unused]] const InputOf<kForm>& x, [[maybe_unused]] int part) {
  if constexpr (HasMinimum(kForm) || HasSixteenBits(kForm)) {
    return IntRegister{};
  } else {
    if constexpr (kParts < kForm >> 1) return x.start8_halves[part] - IntRegister{};
    return (HasFourBits(kForm) ? x.start4 : x.start8) - IntRegister{};
  }
}

// What products that share a scale add to y, of kRows rows and kColumns registers of outputs.
template <QuantizedForm kForm, int kRows, int kColumns>
PASS_INLINE void AddProducts(const std::byte* scales, const InputOf<kForm>* x,
                             const IntRegister (&sums)[kRows][kColumns], Register (&y)[kRows][kColumns]) {
  for (int c = 0; c < kColumns; ++c) {
    const Register scale = LoadScales<kForm>(scales + c * kRegisterWidth * 2);
    for (int r = 0; r < kRows; ++r) {
      y[r][c] = MultiplyAdd(__builtin_convertvector(sums[r][c], Register), scale * x[r].scale, y[r][c]);
    }
  }
}

// What a group's minima add to y.
template <int kRows, int kColumns>
PASS_INLINE void AddMinima(const std::byte* minima, const InputGroup* x, Register (&y)[kRows][kColumns]) {
  for (int c = 0; c < kColumns; ++c) {
    const Register minimum = LoadHalves(minima + c * kRegisterWidth * 2);
    for (int r = 0; r < kRows; ++r) y[r][c] = MultiplyAdd(minimum, x[r].scaled_sum - Register{}, y[r][c]);
  }
}

// f<form>().
template <typename F>
PASS_INLINE void ForForm(QuantizedForm form, F f) {
  switch (form) {
    case QuantizedForm::k8:
      return f.template operator()<QuantizedForm::k8>();
    case QuantizedForm::k8Halves:
      return f.template operator()<QuantizedForm::k8Halves>();
    case QuantizedForm::k8Minimum:
      return f.template operator()<QuantizedForm::k8Minimum>();
    case QuantizedForm::k4:
      return f.template operator()<QuantizedForm::k4>();
    case QuantizedForm::k4Minimum:
      return f.template operator()<QuantizedForm::k4Minimum>();
    case QuantizedForm::k16:
      return f.template operator()<QuantizedForm::k16>();
  }
}

// f<rows>(); rows: 1 to kRows.
template <int kRows, typename F>
PASS_INLINE void ForRows(int64_t rows, F f) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return ForRows<kRows - 1>(rows, f);
  }
  f.template operator()<kRows>();
}

// Some rows of a block, from `row` on, to their places in y.
template <typename T>
void StoreRows(const float (*sums)[kLinearBlock], int64_t rows, const QuantizedData& data, int64_t row,
               int64_t block, T* y) {
  const int64_t first = block * kLinearBlock, columns = std::min(kLinearBlock, data.out - first);
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < columns; c += kLanes) {
      StoreNarrow(Load(sums[r] + c), y + (row + r) * data.stride + first + c, columns - c);
    }
  }
}

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
