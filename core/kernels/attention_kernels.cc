// Attention, compiled once per instruction set; see kernels.h.
#include "core/kernels/attention_kernels.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "core/kernels/lanes.h"
#include "core/kernels/registers.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// Softmax so far of one (row, head), over the blocks seen (Milakov, Gimelshein: Online normalizer calculation for
// softmax, arXiv 1805.02867).
struct RunningSoftmax {
  float max;
  float sum;
};

template <typename T>
inline void Prefetch(const T* from, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(from + i);
}

// Query heads that read one key together, each with kPartials sums of its scores.
constexpr int kPartials = 4;
constexpr int kMostHeads = kSumRegisters >= 4 * kPartials ? 4 : kSumRegisters / kPartials;

// Of one block's keys those that a row reads, [first, end), which are some; and the cap of their scores, or 0.
struct BlockKeys {
  int first;
  int end;
  float softcap;
};

// scores[h] = query[h] . key of each token. query: [kHeads, dim]; keys: [dim][kPageTokens].
template <int kHeads, typename T>
inline void Score(const float* query, const T* keys, int dim, float (&scores)[kHeads][kPageTokens]) {
  static_assert(kPageTokens % kRegisterWidth == 0);
  for (int token = 0; token < kPageTokens; token += kRegisterWidth) {
    Register partial[kHeads][kPartials] = {};
    for (int d = 0; d < dim; d += kPartials) {
      for (int j = 0; j < kPartials; ++j) {
        const Register key = WidenRegister(keys + (d + j) * kPageTokens + token);
        for (int h = 0; h < kHeads; ++h) partial[h][j] += query[h * dim + d + j] * key;
      }
    }
    for (int h = 0; h < kHeads; ++h) {
      StoreRegister((partial[h][0] + partial[h][1]) + (partial[h][2] + partial[h][3]), &scores[h][token]);
    }
  }
}

// Those of the scores that are read, with their cap; the others count as nothing.
inline Lanes ScoresRead(const BlockKeys& read, const float* scores) {
  Lanes kept = Load(scores);
  if (read.softcap > 0) kept = read.softcap * Tanh(kept / read.softcap);
  for (int part = 0; part < kLaneParts; ++part) {
    IntRegister index;
    for (int i = 0; i < kRegisterWidth; ++i) index[i] = part * kRegisterWidth + i;
    const IntRegister is_read = (index >= read.first) & (index < read.end);
    Register& scores_of_part = PartOf(kept, part);
    scores_of_part = is_read ? scores_of_part : FillRegister(-std::numeric_limits<float>::infinity());
  }
  return kept;
}

// Scores become weights; what the heads have summed up so far must be multiplied by their corrections.
template <int kHeads>
inline void Weigh(const BlockKeys& read, RunningSoftmax* softmax, float (&scores)[kHeads][kPageTokens],
                  float (&corrections)[kHeads]) {
  static_assert(kPageTokens == kLanes);
  static_assert(kHeads <= kRegisterWidth);
  Register falls = {};
  for (int h = 0; h < kHeads; ++h) {
    const Lanes kept = ScoresRead(read, scores[h]);
    const float block_max = MaxLanes(kept);
    const float new_max = softmax[h].max > block_max ? softmax[h].max : block_max;
    falls[h] = softmax[h].max - new_max;
    softmax[h].max = new_max;
    Store(Exp(kept - Broadcast(new_max)), scores[h]);
  }
  const Register factors = Exponential(falls);
  for (int h = 0; h < kHeads; ++h) {
    corrections[h] = factors[h];
    softmax[h].sum = softmax[h].sum * corrections[h] + SumLanes(Load(scores[h]));
  }
}

// weighted[h] = weighted[h] * corrections[h] + weights[h] . values, for kRegisters of each head from `first`.
// weighted: [kHeads, dim]; values: [kPageTokens][dim].
template <int kRegisters, int kHeads, typename T>
inline void AddValues(const float (&weights)[kHeads][kPageTokens], const float (&corrections)[kHeads],
                      const T* values, int dim, int first, float* weighted) {
  Register sums[kHeads][kRegisters];
  for (int h = 0; h < kHeads; ++h) {
    for (int part = 0; part < kRegisters; ++part)
      sums[h][part] = LoadRegister(weighted + h * dim + first + part * kRegisterWidth) * corrections[h];
  }
  for (int t = 0; t < kPageTokens; ++t) {
    for (int part = 0; part < kRegisters; ++part) {
      const Register value = WidenRegister(values + t * dim + first + part * kRegisterWidth);
      for (int h = 0; h < kHeads; ++h) sums[h][part] += weights[h][t] * value;
    }
  }
  for (int h = 0; h < kHeads; ++h) {
    for (int part = 0; part < kRegisters; ++part)
      StoreRegister(sums[h][part], weighted + h * dim + first + part * kRegisterWidth);
  }
}

// Folds one block of keys [head_dim][kPageTokens] and values [kPageTokens][head_dim] into the states of kHeads heads of one
// row. kHeadDim 0: `head_dim` is only known at run time. query, weighted: [kHeads, head_dim].
template <int kHeadDim, int kHeads, typename T>
inline void FoldBlock(const float* query, const T* keys, const T* values, const BlockKeys& read, int head_dim,
                      RunningSoftmax* softmax, float* weighted) {
  const int dim = kHeadDim > 0 ? kHeadDim : head_dim;
  alignas(64) float weights[kHeads][kPageTokens];
  float corrections[kHeads];
  Score<kHeads>(query, keys, dim, weights);
  Weigh<kHeads>(read, softmax, weights, corrections);
  // As many registers of a head at once as there are for sums; any head is as wide as some times kLanes.
  constexpr int kFitting = static_cast<int>(std::bit_floor(static_cast<unsigned>(kSumRegisters / kHeads)));
  constexpr int kRegisters = std::max(kLaneParts, std::min(kFitting, kHeadDim / kRegisterWidth));
  for (int i = 0; i < dim; i += kRegisters * kRegisterWidth)
    AddValues<kRegisters, kHeads>(weights, corrections, values, dim, i, weighted);
}

template <typename T>
void Gather(const AttentionData<T>& data, const GatheredBlock& block, int kv_head, T* keys, T* values) {
  const int dim = data.head_dim;
  std::fill_n(keys, int64_t{kPageTokens} * dim, T{});
  std::fill_n(values, int64_t{kPageTokens} * dim, T{});
  const int64_t page =
      (static_cast<int64_t>(std::max(block.page, 0)) * data.num_kv_heads + kv_head) * kPageTokens * dim;
  for (int t = 0; t < kPageTokens; ++t) {
    if (t < block.committed) {
      for (int d = 0; d < dim; ++d) {
        keys[d * kPageTokens + t] = data.page_keys[page + int64_t{d} * kPageTokens + t];
        values[t * dim + d] = data.page_values[page + int64_t{t} * dim + d];
      }
    } else if (block.rows[t] >= 0) {
      const int64_t row = (static_cast<int64_t>(block.rows[t]) * data.num_kv_heads + kv_head) * dim;
      for (int d = 0; d < dim; ++d) {
        keys[d * kPageTokens + t] = data.row_keys[row + d];
        values[t * dim + d] = data.row_values[row + d];
      }
    }
  }
}

// The heads of one row, `count` of them, as many at once as kMostHeads says.
template <int kHeadDim, int kHeads = kMostHeads, typename T>
inline void FoldHeads(int count, const float* query, const T* keys, const T* values, const BlockKeys& read,
                      int head_dim, RunningSoftmax* softmax, float* weighted) {
  while (count >= kHeads) {
    FoldBlock<kHeadDim, kHeads>(query, keys, values, read, head_dim, softmax, weighted);
    query += kHeads * head_dim, weighted += kHeads * head_dim, softmax += kHeads, count -= kHeads;
  }
  if constexpr (kHeads > 1) {
    if (count > 0)
      FoldHeads<kHeadDim, kHeads - 1>(count, query, keys, values, read, head_dim, softmax, weighted);
  }
}

template <typename T, int kHeadDim>
void AttentionOfDim(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch) {
  const int dim = data.head_dim, group = data.group;
  const int heads = data.num_kv_heads * group;
  const int64_t block_size = int64_t{kPageTokens} * dim;
  float* weighted = scratch;  // [rows, group, dim]
  T* gathered = reinterpret_cast<T*>(weighted + int64_t{kMaxTaskRows} * group * dim);
  RunningSoftmax softmax[kMaxTaskRows * 32];
  const int states = task.num_rows * group;
  std::fill_n(weighted, static_cast<int64_t>(states) * dim, 0.0f);
  std::fill_n(softmax, states, RunningSoftmax{-std::numeric_limits<float>::infinity(), 0.0f});

  const int last_row = task.first_row + task.num_rows;
  const auto position_of = [&](int row) { return data.plan->rows[row].position; };
  // The first position that a row reads.
  const auto start_of = [&](int row) {
    return data.window > 0 ? std::max(0, position_of(row) - data.window + 1) : 0;
  };
  // Nothing of a block that lies before the row's window.
  const auto fold_row = [&](int row, const T* keys, const T* values, int first_position) {
    const int first = std::max(0, start_of(row) - first_position);
    const int end = std::min<int>(position_of(row) - first_position + 1, kPageTokens);
    if (first >= end) return;
    const int state = (row - task.first_row) * group;
    FoldHeads<kHeadDim>(group, data.query + (static_cast<int64_t>(row) * heads + kv_head * group) * dim, keys,
                        values, {first, end, data.softcap}, dim, &softmax[state],
                        weighted + static_cast<int64_t>(state) * dim);
  };

  const auto place_of = [&](int p) {
    return (static_cast<int64_t>(task.pages[p]) * data.num_kv_heads + kv_head) * block_size;
  };
  int start = start_of(task.first_row);
  for (int row = task.first_row + 1; row < last_row; ++row) start = std::min(start, start_of(row));
  for (int p = start / kPageTokens; p < task.num_full_pages; ++p) {
    if (p + 1 < task.num_full_pages) {  // the weights have driven the pages out of the cache
      Prefetch(data.page_keys + place_of(p + 1), block_size);
      Prefetch(data.page_values + place_of(p + 1), block_size);
    }
    const int64_t page = place_of(p);
    for (int row = task.first_row; row < last_row; ++row)
      fold_row(row, data.page_keys + page, data.page_values + page, p * kPageTokens);
  }
  for (int index : task.gathered) {
    const GatheredBlock& block = data.plan->blocks[index];
    if (block.first_position + kPageTokens <= start) continue;
    Gather(data, block, kv_head, gathered, gathered + block_size);
    for (int row : block.readers) {
      if (row < task.first_row || row >= last_row) continue;
      fold_row(row, gathered, gathered + block_size, block.first_position);
    }
  }

  for (int row = task.first_row; row < last_row; ++row) {
    for (int g = 0; g < group; ++g) {
      const int state = (row - task.first_row) * group + g;
      const float inverse = 1.0f / softmax[state].sum;
      const float* sum = weighted + static_cast<int64_t>(state) * dim;
      T* out = data.out + (static_cast<int64_t>(row) * heads + kv_head * group + g) * dim;
      for (int d = 0; d < dim; ++d) Narrow(sum[d] * inverse, &out[d]);
    }
  }
}

}  // namespace

template <typename T>
void Attention(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch) {
  switch (data.head_dim) {
    case 64:
      return AttentionOfDim<T, 64>(data, task, kv_head, scratch);
    case 128:
      return AttentionOfDim<T, 128>(data, task, kv_head, scratch);
    default:
      return AttentionOfDim<T, 0>(data, task, kv_head, scratch);
  }
}

template void Attention(const AttentionData<Bf16>&, const AttentionTask&, int, float*);
template void Attention(const AttentionData<float>&, const AttentionTask&, int, float*);

}  // namespace pass::kernels::PASS_KERNEL_ISA
