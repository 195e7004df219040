// What the kernels of quantised weights share: for the files that are compiled once per instruction set, and for them alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/quantized.h"

namespace pass::kernels::PASS_KERNEL_ISA {

// 32 inputs of a row, rounded to eight bits. They lie [groups][rows], so that a tile of rows finds a group in one place.
struct InputGroup {
  int8_t codes[kQuantizedGroup];
  float scale;
  float scaled_sum;          // scale times the sum of the codes: for minima
  int32_t start8;            // what ZeroCode adds to the sum of products, of 8 bits
  int32_t start8_halves[2];  // of the first and the last 16 inputs alone
  int32_t start4;            // of 4 bits
  int32_t unused[2];
#if !defined(__AVX512VNNI__)
  int16_t pairs[kQuantizedGroup / 4][2][2];  // of each four inputs the even ones, then the odd ones
#endif
};

// The same, rounded to sixteen bits.
struct WideInputGroup {
  int16_t codes[kQuantizedGroup];
  float scale;
};

// Group: one of these.
template <typename Group, typename T>
void QuantizeRows(const T* x, int64_t rows, int64_t in, std::byte* quantized, int64_t begin, int64_t end);

template <typename T>
void MultiplyQuantized(const QuantizedData& data, T* y, int64_t begin, int64_t end);

}  // namespace pass::kernels::PASS_KERNEL_ISA
