// y = x W^T by products of whole numbers. Weights of 8 and 4 bits are a quarter to a half of bf16's bytes for a step that is bound
// by reading them. Weights of 16 bits are bf16 for CPUs that multiply whole numbers faster than floats.
//
// A weight is scale * code + minimum. Scale and minimum are shared by a group of inputs of one output. Of 8 and 4 bits the code
// is unsigned, scale and minimum are binary16, and the inputs x are rounded to int8 by row and group of 32: x = x_scale * x_code,
// x_scale the largest magnitude of the group / 127. Of 16 bits the numbers of a group share an exponent (block floating point):
// x and the weights both have signed codes of 13 bits, and scales that are powers of two. Then
//   y = sum over groups of x_scale * (scale * (sum of code * x_code) + minimum * (sum of x_code))
// where the inner sums are whole numbers and exact, and the outer one is a chain of fused multiply-adds in the order of the
// groups. So a row is the same whatever the number of rows or the range of blocks: row-invariant. It is also the same on every
// instruction set with fused multiply-adds, which are all but `generic`. A group of x with an infinity or a NaN makes the whole
// row NaN.
//
// Forms, and what they hold without loss of ggml's blocks:
//   k8         code - 128 times scale, groups of 32         Q8_0, Q5_0, IQ4_NL
//   k8Halves   the same, groups of 16
//   k8Minimum  codes of at most 8 bits, groups of 32        Q5_1
//   k4         code - 8 times scale, groups of 32           Q4_0
//   k4Minimum  codes of 4 bits, groups of 32                Q4_1
//   k16        codes of 13 bits and a sign, groups of 32    BF16, but for what is below 1/32 of the group's largest magnitude: it
//              loses bits, at most 2^-13 of that magnitude. Rounding the largest input to bf16 has cost up to 2^-9 of it before.
// Q4_K and Q5_K go to k4Minimum and k8Minimum, Q3_K and Q6_K to k8Halves: their codes as they are, but scales that are products
// of two numbers are rounded to binary16, by at most 1 in 2048.
//
// A weight [out, in] is packed in blocks of 32 outputs, the last one filled up with zeros, and a block in groups of 32 inputs:
//   the scales of the outputs, binary16 [32], of k8Halves for each half of the inputs; of k16 in bf16
//   the minima, binary16 [32], if the form has them
//   the codes: uint8 [8][32][4], four inputs of an output side by side; of four bits [4][32][4], where a byte has input i of
//   the eight inputs in its low half and input i + 4 in its high half; of 16 bits int16 [16][32][2]
// An `in` that is no multiple of 32 ends with a group that is filled up. Torch-free and pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/kernels/isa.h"
#include "core/kernels/linear.h"

namespace pass::kernels {

enum class QuantizedForm : uint8_t { k8, k8Halves, k8Minimum, k4, k4Minimum, k16 };

inline constexpr int64_t kQuantizedGroup = 32;

constexpr bool HasFourBits(QuantizedForm form) {
  return form == QuantizedForm::k4 || form == QuantizedForm::k4Minimum;
}
constexpr bool HasSixteenBits(QuantizedForm form) { return form == QuantizedForm::k16; }
constexpr bool HasMinimum(QuantizedForm form) {
  return form == QuantizedForm::k8Minimum || form == QuantizedForm::k4Minimum;
}
// What a form of unsigned codes without a minimum subtracts from them.
constexpr int ZeroCode(QuantizedForm form) { return HasFourBits(form) ? 8 : 128; }
constexpr int64_t ScaleGroup(QuantizedForm form) { return form == QuantizedForm::k8Halves ? 16 : 32; }

// Of k16: the largest magnitude of a group has a code of 2^kCodeExponent or more, and below twice that. 32 products of two codes fit
// a sum of 32 bits.
inline constexpr int kCodeExponent = 12, kMostCode = (2 << kCodeExponent) - 1;

inline int64_t QuantizedGroups(int64_t in) { return (in + kQuantizedGroup - 1) / kQuantizedGroup; }

// Bytes of a group of 32 inputs of a block: of its codes, and of all; and of a whole block.
constexpr int64_t CodeBytes(QuantizedForm form) {
  return kLinearBlock * kQuantizedGroup * (HasSixteenBits(form) ? 2 : 1) / (HasFourBits(form) ? 2 : 1);
}
constexpr int64_t QuantizedGroupBytes(QuantizedForm form) {
  const int64_t scales = kLinearBlock * int64_t{sizeof(uint16_t)};
  return (HasMinimum(form) || form == QuantizedForm::k8Halves ? 2 : 1) * scales + CodeBytes(form);
}
inline int64_t QuantizedBlockBytes(QuantizedForm form, int64_t in) {
  return QuantizedGroups(in) * QuantizedGroupBytes(form);
}

// One output's weights. Scales and minima are binary16, one for ScaleGroup(form) inputs; `minima` is empty without them.
struct QuantizedOutput {
  std::span<const uint8_t> codes;  // [in]
  std::span<const uint16_t> scales;
  std::span<const uint16_t> minima;
};

// Output `column` (0 to 31) of a block, which was filled with zero bytes before its first. Not of k16.
void PackQuantizedOutput(QuantizedForm form, const QuantizedOutput& output, int64_t column, std::byte* block);

// Rounds blocks [begin, end) of weight [out, in] to `form`, k8, k4Minimum or k16, and packs them to their places in `packed`,
// which has LinearBlocks(out) * QuantizedBlockBytes(form, in) bytes. k8: the largest magnitude of a group is 127 scales.
// k4Minimum: of a few ranges of the group's values that which leaves the smallest sum of squared errors. T: Bf16 or float.
template <typename T>
void PackQuantized(QuantizedForm form, const T* weight, int64_t out, int64_t in, std::byte* packed,
                   int64_t begin, int64_t end);
// PackQuantized for k16.
template <typename T>
void PackSixteenBits(const T* weight, int64_t out, int64_t in, std::byte* packed, int64_t begin, int64_t end);

// Whether this CPU computes bf16 faster in k16: it has VNNI, and no instructions for bf16.
inline bool MultipliesFasterInWholeNumbers() { return ActiveIsa() == Isa::kAvx512Vnni; }

// Of one product; y's rows are `stride` elements apart.
struct QuantizedData {
  QuantizedForm form;
  const std::byte* packed;
  int64_t out, in;
  const std::byte* x;  // as `quantize` leaves it
  int64_t rows;
  int64_t stride;
};

// How inputs are rounded.
template <typename T>
struct InputRounding {
  int64_t group_bytes;  // of 32 inputs of a quantised row
  // Rows [begin, end) of x [rows, in] to their places in `quantized`, QuantizedGroups(in) * rows * group_bytes.
  void (*quantize)(const T* x, int64_t rows, int64_t in, std::byte* quantized, int64_t begin, int64_t end);
};

// T: Bf16 or float, the type of x and y.
template <typename T>
struct QuantizedTable {
  InputRounding<T> eight_bits, sixteen_bits;  // for weights of at most eight bits, and of sixteen
  // Blocks [begin, end) of y.
  void (*multiply)(const QuantizedData& data, T* y, int64_t begin, int64_t end);

  const InputRounding<T>& inputs(QuantizedForm form) const {
    return HasSixteenBits(form) ? sixteen_bits : eight_bits;
  }
};

// The table of an instruction set that the CPU has.
template <typename T>
const QuantizedTable<T>& QuantizedTableOf(Isa isa);

// That of ActiveIsa().
template <typename T>
const QuantizedTable<T>& QuantizedForThisCpu() {
  static const QuantizedTable<T>& table = QuantizedTableOf<T>(ActiveIsa());
  return table;
}

}  // namespace pass::kernels
