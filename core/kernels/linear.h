// y = x W^T with fp32 sums, on weights that were packed once: decoding reads every weight once per forward, and these
// kernels read them as fast as memory gives them, in the order in which they lie, for as many rows as registers hold.
//
// A weight [out, in] is packed in blocks of 32 outputs, the last one filled up with zeros:
//   bf16  [out / 32][in / 2][32][2], pairs of inputs side by side, an odd last one beside a zero
//   fp32  [out / 32][in][32]
//
// Row-invariance: each output of each row is one chain of products in the order of the inputs, whatever the number of rows
// or the range of blocks. On CPUs with AMX a link of the chain is tdpbf16ps over 32 inputs (bf16_tile_linear.cc), on others with
// AVX512-BF16 it is vdpbf16ps over a pair (bf16_dot_linear.cc); elsewhere it is one multiply-add, and bf16 is widened by a
// shift (linear_kernels.cc). On CPUs with VNNI and without AVX512-BF16 the model's own weights are k16 in place of bf16
// (quantized.h). Torch-free and pure.
#pragma once

#include <cstdint>

namespace pass::kernels {

struct Bf16 {
  uint16_t bits;
};

inline constexpr int64_t kLinearBlock = 32;

// A weight of the model's layers is read once a forward, and the cache is too small for all of them. One that is read
// several times in a row may stay there.
enum class Reads : uint8_t { kOnce, kAgain };

// T: Bf16 or float.
template <typename T>
struct LinearData {
  const T* x;  // [rows, in]
  int64_t rows;
  const T* packed;
  int64_t out, in;
  Reads reads = Reads::kOnce;
  // x in fp32, for linears that compute with it (Table::wide_inputs), so that not every range of blocks widens it anew;
  // null: the call does it itself.
  const float* wide = nullptr;
};

inline int64_t LinearBlocks(int64_t out) { return (out + kLinearBlock - 1) / kLinearBlock; }

// Elements of a packed block.
template <typename T>
constexpr int64_t PackedBlock(int64_t in) {
  return kLinearBlock * (sizeof(T) == sizeof(float) ? in : in + in % 2);
}

// Blocks [begin, end) of weight [out, in] to their places in `packed`, which has LinearBlocks(out) * PackedBlock(in)
// elements.
template <typename T>
void PackLinear(const T* weight, int64_t out, int64_t in, T* packed, int64_t begin, int64_t end);

// Blocks [begin, end) of y [rows, out], `in` even; for CPUs with AVX512-BF16 alone. Out is Bf16 or float.
template <typename Out>
void MultiplyByDots(const LinearData<Bf16>& data, Out* y, int64_t begin, int64_t end);

// The same for CPUs with AMX alone, `in` a multiple of kLinearTileInputs.
inline constexpr int64_t kLinearTileInputs = 32;
template <typename Out>
void MultiplyByTiles(const LinearData<Bf16>& data, Out* y, int64_t begin, int64_t end);

}  // namespace pass::kernels
