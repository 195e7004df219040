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

// Queries, of one head each, that read one key together, each with kPartials sums of its scores.
constexpr int kPartials = 4;
constexpr int kMostQueries = kSumRegisters / kPartials;

// Of one block's keys those that a row reads, [first, end), which are some.
struct BlockKeys {
  int first;
  int end;

  bool All() const { return first == 0 && end == kPageTokens; }
  bool operator==(const BlockKeys&) const = default;
};

// scores[q] = query[q] . key of each token. query: [kQueries, dim]; keys: [dim][kPageTokens].
template <int kQueries, typename T>
inline void Score(const float* query, const T* keys, int dim, float (&scores)[kQueries][kPageTokens]) {
  static_assert(kPageTokens % kRegisterWidth == 0);
  for (int token = 0; token < kPageTokens; token += kRegisterWidth) {
    Register partial[kQueries][kPartials] = {};
    for (int d = 0; d < dim; d += kPartials) {
      for (int j = 0; j < kPartials; ++j) {
        const Register key = WidenRegister(keys + (d + j) * kPageTokens + token);
        for (int q = 0; q < kQueries; ++q)
          partial[q][j] = MultiplyAdd(FillRegister(query[q * dim + d + j]), key, partial[q][j]);
      }
    }
    for (int q = 0; q < kQueries; ++q) {
      StoreRegister((partial[q][0] + partial[q][1]) + (partial[q][2] + partial[q][3]), &scores[q][token]);
    }
  }
}

// Those of the scores that are read, with their cap; the others count as nothing. softcap: 0: none.
inline Lanes ScoresRead(const BlockKeys& read, float softcap, const float* scores) {
  Lanes kept = Load(scores);
  if (softcap > 0) kept = softcap * Tanh(kept / softcap);
  if (read.All()) return kept;
  for (int part = 0; part < kLaneParts; ++part) {
    IntRegister index;
    for (int i = 0; i < kRegisterWidth; ++i) index[i] = part * kRegisterWidth + i;
    const IntRegister is_read = (index >= read.first) & (index < read.end);
    Register& scores_of_part = PartOf(kept, part);
    scores_of_part = is_read ? scores_of_part : FillRegister(-std::numeric_limits<float>::infinity());
  }
  return kept;
}

// Scores become weights; what the queries have summed up so far must be multiplied by their corrections.
template <int kQueries>
inline void Weigh(const BlockKeys& read, float softcap, RunningSoftmax* softmax,
                  float (&scores)[kQueries][kPageTokens], float (&corrections)[kQueries]) {
  static_assert(kPageTokens == kLanes);
  static_assert(kQueries <= kRegisterWidth);
  Register falls = {};
  for (int q = 0; q < kQueries; ++q) {
    const Lanes kept = ScoresRead(read, softcap, scores[q]);
    const float block_max = MaxLanes(kept);
    const float new_max = softmax[q].max > block_max ? softmax[q].max : block_max;
    falls[q] = softmax[q].max - new_max;
    softmax[q].max = new_max;
    Store(Exp(kept - Broadcast(new_max)), scores[q]);
  }
  const Register factors = Exponential(falls);
  for (int q = 0; q < kQueries; ++q) {
    corrections[q] = factors[q];
    softmax[q].sum = softmax[q].sum * corrections[q] + SumLanes(Load(scores[q]));
  }
}

// weighted[q] = weighted[q] * corrections[q] + weights[q] . values, for kRegisters of each query from `first`.
// weighted: [kQueries, dim]; values: [kPageTokens][dim].
template <int kRegisters, int kQueries, typename T>
inline void AddValues(const float (&weights)[kQueries][kPageTokens], const float (&corrections)[kQueries],
                      const T* values, int dim, int first, float* weighted) {
  Register sums[kQueries][kRegisters];
  for (int q = 0; q < kQueries; ++q) {
    for (int part = 0; part < kRegisters; ++part)
      sums[q][part] = LoadRegister(weighted + q * dim + first + part * kRegisterWidth) * corrections[q];
  }
  for (int t = 0; t < kPageTokens; ++t) {
    for (int part = 0; part < kRegisters; ++part) {
      const Register value = WidenRegister(values + t * dim + first + part * kRegisterWidth);
      for (int q = 0; q < kQueries; ++q)
        sums[q][part] = MultiplyAdd(FillRegister(weights[q][t]), value, sums[q][part]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int part = 0; part < kRegisters; ++part)
      StoreRegister(sums[q][part], weighted + q * dim + first + part * kRegisterWidth);
  }
}

// Some queries that read the same keys of a block, and their states. kHeadDim 0: `dim` is only known at run time.
template <int kHeadDim>
struct Queries {
  const float* query;  // [queries, dim]
  int head_dim;
  float softcap;
  RunningSoftmax* softmax;  // [queries]
  float* weighted;          // [queries, dim]

  int dim() const { return kHeadDim > 0 ? kHeadDim : head_dim; }
};

// Folds one block of keys [dim][kPageTokens] and values [kPageTokens][dim] into the states of kQueries queries, from `first` on.
template <int kQueries, int kHeadDim, typename T>
inline void FoldBlock(const Queries<kHeadDim>& of, int first, const T* keys, const T* values,
                      const BlockKeys& read) {
  const int dim = of.dim();
  float* weighted = of.weighted + int64_t{first} * dim;
  alignas(64) float weights[kQueries][kPageTokens];
  float corrections[kQueries];
  Score<kQueries>(of.query + int64_t{first} * dim, keys, dim, weights);
  Weigh<kQueries>(read, of.softcap, of.softmax + first, weights, corrections);
  // As many registers of a query at once as there are for sums; any head is as wide as some times kLanes.
  constexpr int kFitting = static_cast<int>(std::bit_floor(static_cast<unsigned>(kSumRegisters / kQueries)));
  constexpr int kRegisters = std::max(kLaneParts, std::min(kFitting, kHeadDim / kRegisterWidth));
  for (int i = 0; i < dim; i += kRegisters * kRegisterWidth)
    AddValues<kRegisters, kQueries>(weights, corrections, values, dim, i, weighted);
}

// The same for queries [first, end), as many at once as kMostQueries says.
template <int kQueries = kMostQueries, int kHeadDim, typename T>
inline void FoldQueries(const Queries<kHeadDim>& of, int first, int end, const T* keys, const T* values,
                        const BlockKeys& read) {
  for (; end - first >= kQueries; first += kQueries) FoldBlock<kQueries>(of, first, keys, values, read);
  if constexpr (kQueries > 1) {
    if (first < end) FoldQueries<kQueries - 1>(of, first, end, keys, values, read);
  }
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

template <typename T, int kHeadDim>
void AttentionOfDim(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch) {
  const int dim = data.head_dim, group = data.group;
  const int heads = data.num_kv_heads * group;
  const int64_t block_size = int64_t{kPageTokens} * dim;
  const int states = task.num_rows * group;
  const int64_t most_states = int64_t{kMaxTaskRows} * group;
  float* query = scratch;  // [rows, group, dim], as are `weighted` and `softmax`
  float* weighted = query + most_states * dim;
  T* gathered = reinterpret_cast<T*>(weighted + most_states * dim);
  RunningSoftmax softmax[kMaxTaskRows * 32];
  std::fill_n(weighted, static_cast<int64_t>(states) * dim, 0.0f);
  std::fill_n(softmax, states, RunningSoftmax{-std::numeric_limits<float>::infinity(), 0.0f});
  for (int row = 0; row < task.num_rows; ++row) {
    const int64_t from = (static_cast<int64_t>(task.first_row + row) * heads + kv_head * group) * dim;
    std::copy_n(data.query + from, int64_t{group} * dim, query + int64_t{row} * group * dim);
  }
  const Queries<kHeadDim> queries{
      .query = query, .head_dim = dim, .softcap = data.softcap, .softmax = softmax, .weighted = weighted};

  const int last_row = task.first_row + task.num_rows;
  const auto position_of = [&](int row) { return data.plan->rows[row].position; };
  // The first position that a row reads.
  const auto start_of = [&](int row) {
    return data.window > 0 ? std::max(0, position_of(row) - data.window + 1) : 0;
  };
  // Nothing of a block that lies before the row's window.
  const auto keys_of = [&](int row, int first_position) {
    return BlockKeys{std::max(0, start_of(row) - first_position),
                     std::min<int>(position_of(row) - first_position + 1, kPageTokens)};
  };
  // Rows [row, end) read the same keys.
  const auto fold = [&](int row, int end, const T* keys, const T* values, const BlockKeys& read) {
    if (read.first >= read.end) return;
    FoldQueries(queries, (row - task.first_row) * group, (end - task.first_row) * group, keys, values, read);
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
    for (int row = task.first_row, end = row; row < last_row; row = end) {
      const BlockKeys read = keys_of(row, p * kPageTokens);
      while (++end < last_row && keys_of(end, p * kPageTokens) == read) {
      }
      fold(row, end, data.page_keys + page, data.page_values + page, read);
    }
  }
  for (int index : task.gathered) {
    const GatheredBlock& block = data.plan->blocks[index];
    if (block.first_position + kPageTokens <= start) continue;
    Gather(data, block, kv_head, gathered, gathered + block_size);
    for (int row : block.readers) {
      if (row < task.first_row || row >= last_row) continue;
      fold(row, row + 1, gathered, gathered + block_size, keys_of(row, block.first_position));
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
