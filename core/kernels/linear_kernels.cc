// Linears by multiply-add, compiled once per instruction set; see linear.h.
#include "core/kernels/linear_kernels.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <vector>

#include "core/kernels/lanes.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// A register of floats, and how many of them hold sums: a few must be left for weights and inputs.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kSums = 24;
#elif defined(__AVX2__)
constexpr int kWidth = 8, kSums = 12;
#else
constexpr int kWidth = 4, kSums = 12;
#endif
typedef float Register __attribute__((vector_size(kWidth * sizeof(float))));
typedef uint32_t Bits __attribute__((vector_size(kWidth * sizeof(float))));
constexpr int kBlockRegisters = kLinearBlock / kWidth;
constexpr int kLeastRegisters = 2;  // of a tile's width
constexpr int kMostRows = kSums / kLeastRegisters;
constexpr int64_t kAhead = 8192;  // bytes of weights that are asked for ahead of their use
constexpr int kLevel2 = 2;        // where to, as __builtin_prefetch counts

// Outputs `column` .. of some rows of one block. x: fp32, an odd last input beside a zero.
template <typename T, typename Out>
struct Tile {
  const float* x;
  int64_t stride;  // of x
  const T* block;
  int64_t in, out;
  Out* y;           // the block's first output of the first row
  int64_t columns;  // outputs of the block that exist
};

template <typename T>
Register LoadRegister(const T* from) {
  Register loaded;
  std::memcpy(&loaded, from, sizeof(loaded));
  return loaded;
}

// One chain link for all sums of the tile: weights times the input of each row.
template <int kRows, int kRegisters>
inline void MultiplyAdd(const Register (&weights)[kRegisters], const float* x, int64_t stride,
                        Register (&sums)[kRows][kRegisters]) {
  for (int r = 0; r < kRows; ++r) {
    const float input = x[r * stride];
    for (int v = 0; v < kRegisters; ++v) sums[r][v] += weights[v] * input;
  }
}

template <int kRows, int kRegisters, typename Out>
void Accumulate(const Tile<float, Out>& tile, int64_t column, Register (&sums)[kRows][kRegisters]) {
  for (int64_t i = 0; i < tile.in; ++i) {
    const float* from = tile.block + i * kLinearBlock + column;
    __builtin_prefetch(from + kAhead / sizeof(float), 0, kLevel2);
    if constexpr (kRegisters * kWidth > 16)
      __builtin_prefetch(from + kAhead / sizeof(float) + 16, 0, kLevel2);
    Register weights[kRegisters];
    for (int v = 0; v < kRegisters; ++v) weights[v] = LoadRegister(from + v * kWidth);
    MultiplyAdd(weights, tile.x + i, tile.stride, sums);
  }
}

// A pair of bf16 is one 32-bit element: the first input's weight in its low half.
template <int kRows, int kRegisters, typename Out>
void Accumulate(const Tile<Bf16, Out>& tile, int64_t column, Register (&sums)[kRows][kRegisters]) {
  for (int64_t i = 0; i < tile.in; i += 2) {
    const Bf16* from = tile.block + i * kLinearBlock + 2 * column;
    __builtin_prefetch(from + kAhead / sizeof(Bf16), 0, kLevel2);
    if constexpr (kRegisters * kWidth > 16) __builtin_prefetch(from + kAhead / sizeof(Bf16) + 32, 0, kLevel2);
    Register weights[kRegisters];
    for (int v = 0; v < kRegisters; ++v)
      weights[v] = (Register)((Bits)LoadRegister(from + 2 * v * kWidth) << 16);
    MultiplyAdd(weights, tile.x + i, tile.stride, sums);
    for (int v = 0; v < kRegisters; ++v) {
      weights[v] = (Register)((Bits)LoadRegister(from + 2 * v * kWidth) & 0xffff0000u);
    }
    MultiplyAdd(weights, tile.x + i + 1, tile.stride, sums);
  }
}

template <int kRows, int kRegisters, typename T, typename Out>
void MultiplyTile(const Tile<T, Out>& tile, int64_t column) {
  Register sums[kRows][kRegisters] = {};
  Accumulate(tile, column, sums);
  const int64_t count = std::clamp<int64_t>(tile.columns - column, 0, kRegisters * kWidth);
  for (int r = 0; r < kRows; ++r) {
    float values[kRegisters * kWidth];
    std::memcpy(values, sums[r], sizeof(values));
    Out* y = tile.y + r * tile.out + column;
    for (int64_t i = 0; i < count; ++i) Narrow(values[i], &y[i]);
  }
}

// A block as wide as registers allow: whole for few rows, in parts for more.
template <int kRows, typename T, typename Out>
void MultiplyColumns(const Tile<T, Out>& tile) {
  constexpr int kFitting = kSums / kRows;
  constexpr int kRegisters = kFitting >= kBlockRegisters ? kBlockRegisters
                             : kFitting >= kBlockRegisters / 2
                                 ? std::max(kLeastRegisters, kBlockRegisters / 2)
                                 : kLeastRegisters;
  for (int64_t column = 0; column < tile.columns; column += kRegisters * kWidth) {
    MultiplyTile<kRows, kRegisters>(tile, column);
  }
}

template <int kRows = kMostRows, typename T, typename Out>
void MultiplyRows(int64_t rows, const Tile<T, Out>& tile) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyRows<kRows - 1>(rows, tile);
  }
  MultiplyColumns<kRows>(tile);
}

// The inputs in fp32; those of bf16 are widened into a buffer of the thread.
const float* Inputs(const LinearData<float>& data, int64_t* stride) {
  *stride = data.in;
  return data.x;
}
const float* Inputs(const LinearData<Bf16>& data, int64_t* stride) {
  thread_local std::vector<float> wide;
  *stride = data.in + data.in % 2;
  wide.assign(static_cast<size_t>(data.rows * *stride), 0.0f);
  for (int64_t r = 0; r < data.rows; ++r) {
    for (int64_t i = 0; i < data.in; ++i) wide[r * *stride + i] = Widen(data.x[r * data.in + i]);
  }
  return wide.data();
}

template <typename T, typename Out>
void MultiplyByMultiplyAdd(const LinearData<T>& data, Out* y, int64_t begin, int64_t end) {
  int64_t stride;
  const float* x = Inputs(data, &stride);
  const int64_t tiles = (data.rows + kMostRows - 1) / kMostRows;
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kLinearBlock;
    int64_t row = 0;
    for (int64_t t = 0; t < tiles; ++t) {
      const int64_t rows = data.rows / tiles + (t < data.rows % tiles ? 1 : 0);
      MultiplyRows(rows, Tile<T, Out>{.x = x + row * stride,
                                      .stride = stride,
                                      .block = data.packed + block * PackedBlock<T>(data.in),
                                      .in = data.in,
                                      .out = data.out,
                                      .y = y + row * data.out + first,
                                      .columns = std::min(kLinearBlock, data.out - first)});
      row += rows;
    }
  }
}

}  // namespace

template <typename T, typename Out>
void Multiply(const LinearData<T>& data, Out* y, int64_t begin, int64_t end) {
#if defined(__AMX_BF16__)
  if constexpr (std::is_same_v<T, Bf16>) {
    if (data.in % kLinearTileInputs == 0) return MultiplyByTiles(data, y, begin, end);
  }
#endif
#if defined(__AVX512BF16__)
  if constexpr (std::is_same_v<T, Bf16>) {
    if (data.in % 2 == 0) return MultiplyByDots(data, y, begin, end);
  }
#endif
  MultiplyByMultiplyAdd(data, y, begin, end);
}

template void Multiply(const LinearData<Bf16>&, Bf16*, int64_t, int64_t);
template void Multiply(const LinearData<Bf16>&, float*, int64_t, int64_t);
template void Multiply(const LinearData<float>&, float*, int64_t, int64_t);

}  // namespace pass::kernels::PASS_KERNEL_ISA
