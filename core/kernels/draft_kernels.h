// The CPU kernels that only drafts need: the adapter of look-ahead rows and the scores of the head. Compiled and chosen as
// those of kernels.h, and row-invariant as they are: each row and each state is computed on its own, in a fixed order, in
// fp32.
#pragma once

#include <cstdint>

#include "core/kernels/kernels.h"

namespace pass::kernels {

inline constexpr int64_t kPairBlock = 16;

// A bf16 matrix [out, in], packed as [out / 16][in / 2][16][2]: pairs of inputs side by side, filled up with zeros.
struct PairMatrix {
  const Bf16* data = nullptr;
  int64_t out = 0;
  int64_t in = 0;

  int64_t blocks() const { return (out + kPairBlock - 1) / kPairBlock; }
  int64_t pairs() const { return (in + 1) / 2; }
  int64_t elements() const { return blocks() * pairs() * 2 * kPairBlock; }
};

// `packed` has as many elements as the matrix says.
void PackPairs(const Bf16* weight, const PairMatrix& matrix, Bf16* packed);

// y += (x a^T) b^T for some rows. x [*, in], y [*, out], row-major.
template <typename T>
struct LowRankData {
  PairMatrix a;  // [rank, in]
  PairMatrix b;  // [out, rank]
  const int64_t* rows;
  int64_t num_rows;
  const T* x;
  T* y;
};

template <typename T>
struct DraftTable {
  // Outputs [begin, end) in blocks of kPairBlock. `scratch` has LowRankScratchFloats().
  void (*add_low_rank)(const LowRankData<T>& data, int64_t begin, int64_t end, float* scratch);
  // Scores of some rows of a table [*, width] for a state [width]: out[i] = table[ids[i]] . state.
  void (*gather_dots)(const T* table, int64_t width, const int32_t* ids, int64_t count, const float* state,
                      float* out);
  // out = silu(x), rounded.
  void (*silu)(const float* x, T* out, int64_t count);
  // out = state + delta, rounded.
  void (*add_delta)(const T* state, const float* delta, T* out, int64_t count);
  // In place; numbers that are none count as the lowest number.
  void (*log_softmax)(float* x, int64_t count);
};

// The table of an instruction set that the CPU has.
template <typename T>
const DraftTable<T>& DraftTableOf(Isa isa);

// That of ActiveIsa().
template <typename T>
const DraftTable<T>& DraftsForThisCpu() {
  static const DraftTable<T>& table = DraftTableOf<T>(ActiveIsa());
  return table;
}

inline int64_t LowRankScratchFloats(const PairMatrix& a, int64_t num_rows) {
  return num_rows * (2 * a.pairs() + a.blocks() * kPairBlock);
}

}  // namespace pass::kernels
