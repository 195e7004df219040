// Compiled once per instruction set, as kernels.cc.
#include "core/kernels/draft_kernels.h"

#include <cmath>
#include <limits>

#include "core/kernels/lanes.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

constexpr int kChains = 4;
constexpr int64_t kTileRows = kSumRegisters >= 4 * kChains ? 4 : 2;
constexpr int kPrefetchRows = 2;  // of a gather, ahead
constexpr int64_t kLineBytes = 64;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The two numbers of each pair of a register.
inline void LoadPairs(const Bf16* packed, Register* first, Register* second) {
  const BitRegister bits = (BitRegister)LoadRegister(packed);
  *first = (Register)(bits << 16);
  *second = (Register)(bits & 0xffff0000u);
}

// One block of outputs for kRows rows of x, `stride` apart and filled up to whole pairs. kChains chains an output, so that
// few rows do not wait for one another's sums.
template <int kRows>
inline void MultiplyRows(const float* x, int64_t stride, const Bf16* block, int64_t pairs, Lanes* sums) {
  for (int part = 0; part < kLaneParts; ++part) {
    const Bf16* packed = block + 2 * part * kRegisterWidth;
    Register chains[kRows][kChains] = {};
    int64_t pair = 0;
    for (; pair + 2 <= pairs; pair += 2, packed += 4 * kPairBlock) {
      Register w[kChains];
      LoadPairs(packed, &w[0], &w[1]);
      LoadPairs(packed + 2 * kPairBlock, &w[2], &w[3]);
      for (int r = 0; r < kRows; ++r) {
        const float* inputs = x + r * stride + 2 * pair;
        for (int c = 0; c < kChains; ++c) chains[r][c] += w[c] * inputs[c];
      }
    }
    if (pair < pairs) {
      Register w[2];
      LoadPairs(packed, &w[0], &w[1]);
      for (int r = 0; r < kRows; ++r) {
        const float* inputs = x + r * stride + 2 * pair;
        for (int c = 0; c < 2; ++c) chains[r][c] += w[c] * inputs[c];
      }
    }
    for (int r = 0; r < kRows; ++r)
      PartOf(sums[r], part) = (chains[r][0] + chains[r][1]) + (chains[r][2] + chains[r][3]);
  }
}

template <int kRows = kTileRows>
inline void MultiplyBlock(int64_t rows, const float* x, int64_t stride, const Bf16* block, int64_t pairs,
                          Lanes* sums) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyBlock<kRows - 1>(rows, x, stride, block, pairs, sums);
  }
  MultiplyRows<kRows>(x, stride, block, pairs, sums);
}

// Every thread that shares the outputs works out the small product x a^T anew: cheaper than to wait for another.
template <typename T>
void AddLowRank(const LowRankData<T>& data, int64_t begin, int64_t end, float* scratch) {
  const int64_t in = data.a.in, padded_in = 2 * data.a.pairs(), padded_rank = data.a.blocks() * kPairBlock;
  float* x = scratch;                                  // [rows, padded_in]
  float* inner = scratch + data.num_rows * padded_in;  // [rows, padded_rank]
  for (int64_t r = 0; r < data.num_rows; ++r) {
    const T* row = data.x + data.rows[r] * in;
    for (int64_t i = 0; i < in; ++i) x[r * padded_in + i] = Widen(row[i]);
    if (in < padded_in) x[r * padded_in + in] = 0.0f;
  }
  for (int64_t first = 0; first < data.num_rows; first += kTileRows) {
    const int64_t rows = Smaller(kTileRows, data.num_rows - first);
    Lanes sums[kTileRows];
    for (int64_t block = 0; block < data.a.blocks(); ++block) {
      MultiplyBlock(rows, x + first * padded_in, padded_in,
                    data.a.data + block * data.a.pairs() * 2 * kPairBlock, data.a.pairs(), sums);
      for (int64_t r = 0; r < rows; ++r)
        Store(sums[r], inner + (first + r) * padded_rank + block * kPairBlock);
    }
    for (int64_t block = begin; block < end; ++block) {
      MultiplyBlock(rows, inner + first * padded_rank, padded_rank,
                    data.b.data + block * data.b.pairs() * 2 * kPairBlock, data.b.pairs(), sums);
      const int64_t outputs = data.b.out - block * kPairBlock;
      for (int64_t r = 0; r < rows; ++r) {
        T* y = data.y + data.rows[first + r] * data.b.out + block * kPairBlock;
        StoreNarrow(LoadWide(y, outputs) + sums[r], y, outputs);
      }
    }
  }
}

template <typename T>
inline float Dot(const T* row, const float* state, int64_t width) {
  Lanes sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    for (int c = 0; c < 4; ++c) sums[c] += LoadWide(row + i + c * kLanes) * Load(state + i + c * kLanes);
  }
  for (int c = 0; i + kLanes <= width; i += kLanes, ++c) sums[c] += LoadWide(row + i) * Load(state + i);
  float sum = SumLanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; i < width; ++i) sum += Widen(row[i]) * state[i];
  return sum;
}

template <typename T>
void GatherDots(const T* table, int64_t width, const int32_t* ids, int64_t count, const float* state,
                float* out) {
  const int64_t row_bytes = width * static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < count; ++i) {
    if (i + kPrefetchRows < count) {
      const char* ahead = reinterpret_cast<const char*>(table + ids[i + kPrefetchRows] * width);
      for (int64_t byte = 0; byte < row_bytes; byte += kLineBytes) __builtin_prefetch(ahead + byte);
    }
    out[i] = Dot(table + ids[i] * width, state, width);
  }
}

template <typename T>
void SiluAll(const float* x, T* out, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) {
    StoreNarrow(Silu(LoadWide(x + i, count - i)), out + i, count - i);
  }
}

template <typename T>
void AddDelta(const T* state, const float* delta, T* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) Narrow(Widen(state[i]) + delta[i], &out[i]);
}

void LogSoftmax(float* x, int64_t count) {
  float max = std::numeric_limits<float>::lowest();
  for (int64_t i = 0; i < count; ++i) {
    const bool finite = x[i] > -kInfinity && x[i] < kInfinity;
    if (!finite) x[i] = std::numeric_limits<float>::lowest();
    max = x[i] > max ? x[i] : max;
  }
  Lanes sums = {};
  for (int64_t i = 0; i < count; i += kLanes) {
    sums += Exp(LoadWide(x + i, count - i, /*otherwise=*/-kInfinity) - Broadcast(max));
  }
  const float log_sum = std::log(SumLanes(sums));
  for (int64_t i = 0; i < count; ++i) x[i] = (x[i] - max) - log_sum;
}

template <typename T>
constexpr DraftTable<T> MakeTable() {
  return {AddLowRank<T>, GatherDots<T>, SiluAll<T>, AddDelta<T>, LogSoftmax};
}

}  // namespace

extern const DraftTable<Bf16> kBf16Drafts;
extern const DraftTable<float> kFloatDrafts;
const DraftTable<Bf16> kBf16Drafts = MakeTable<Bf16>();
const DraftTable<float> kFloatDrafts = MakeTable<float>();

}  // namespace pass::kernels::PASS_KERNEL_ISA
