// Compiled once per instruction set, with PASS_KERNEL_ISA naming the namespace (CMakeLists.txt). Plain loops of fixed
// width that the compiler vectorises; contraction to fused multiply-add is on, so results differ between instruction
// sets in the last bits, never between rows of one.
#include "core/kernels/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/lanes.h"
#include "core/kernels/linear_kernels.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

template <typename T>
void AddRmsNorm(float* residual, const T* delta, float multiplier, const float* weight, float epsilon,
                int64_t width, T* out, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    float* h = residual + row * width;
    Lanes squares = {};
    for (int64_t i = 0; i < width; i += kLanes) {
      const int64_t left = width - i;
      Lanes sum = LoadWide(h + i, left);
      if (delta != nullptr) {
        sum += multiplier * LoadWide(delta + row * width + i, left);
        StoreNarrow(sum, h + i, left);
      }
      if (weight == nullptr) StoreNarrow(sum, out + row * width + i, left);
      squares += sum * sum;
    }
    if (weight == nullptr) continue;
    const float scale = 1.0f / std::sqrt(SumLanes(squares) / static_cast<float>(width) + epsilon);
    for (int64_t i = 0; i < width; i += kLanes) {
      const int64_t left = width - i;
      StoreNarrow(LoadWide(h + i, left) * scale * LoadWide(weight + i, left), out + row * width + i, left);
    }
  }
}

template <typename T>
void NormSegments(const NormData<T>& data, int64_t begin, int64_t end) {
  const int64_t width = data.width;
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t segment = 0; segment < data.segments; ++segment) {
      T* x = data.x + row * data.stride + data.first + segment * width;
      Lanes squares = {};
      for (int64_t i = 0; i < width; i += kLanes) {
        const Lanes value = LoadWide(x + i, width - i);
        squares += value * value;
      }
      const float scale = 1.0f / std::sqrt(SumLanes(squares) / static_cast<float>(width) + data.epsilon);
      for (int64_t i = 0; i < width; i += kLanes) {
        const int64_t left = width - i;
        StoreNarrow(LoadWide(x + i, left) * scale * LoadWide(data.weight + i, left), x + i, left);
      }
    }
  }
}

// Rotates one head: pairs (x[i], x[i + half]); what is behind them is scaled alone.
template <typename T, typename U>
inline void Rotate(const T* x, const float* cos, const float* sin, int half, int head_dim, float scale,
                   U* out) {
  for (int i = 0; i < half; i += kLanes) {
    const int left = half - i;
    const Lanes a = LoadWide(x + i, left), b = LoadWide(x + half + i, left);
    const Lanes c = LoadWide(cos + i, left), s = LoadWide(sin + i, left);
    StoreNarrow((a * c - b * s) * scale, out + i, left);
    StoreNarrow((b * c + a * s) * scale, out + half + i, left);
  }
  for (int i = 2 * half; i < head_dim; i += kLanes) {
    const int left = head_dim - i;
    StoreNarrow(LoadWide(x + i, left) * scale, out + i, left);
  }
}

template <typename T>
void RopeSplit(const RopeData<T>& data, int64_t begin, int64_t end) {
  const int half = data.rotary_dim / 2, dim = data.head_dim, heads = data.heads, kv_heads = data.kv_heads;
  for (int64_t row = begin; row < end; ++row) {
    const T* in = data.qkv + row * (heads + 2 * kv_heads) * dim;
    const auto position = static_cast<int64_t>(data.positions[row]);
    const float* c = data.cos + position * half;
    const float* s = data.sin + position * half;
    const float scale =
        data.position_scales == nullptr ? data.scale : data.scale * data.position_scales[position];
    for (int h = 0; h < heads; ++h, in += dim) {
      Rotate(in, c, s, half, dim, scale, data.query + (row * heads + h) * dim);
    }
    for (int h = 0; h < kv_heads; ++h, in += dim) {
      Rotate(in, c, s, half, dim, 1.0f, data.keys + (row * kv_heads + h) * dim);
    }
    std::copy_n(in, kv_heads * dim, data.values + row * kv_heads * dim);
  }
}

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

// Query heads that read one key together: as many sums as the registers hold.
template <int kHeadDim>
constexpr int kMostHeads = kHeadDim == 64    ? 4
                           : kHeadDim == 128 ? 2
                                             : 1;

// Of one block's keys those that a row reads, [first, end), which are some; and the cap of their scores, or 0.
struct BlockKeys {
  int first;
  int end;
  float softcap;
};

// Folds one block of keys [head_dim][kPageTokens] and values [kPageTokens][head_dim] into the states of kHeads heads of one
// row. kHeadDim 0: `head_dim` is only known at run time. query, weighted: [kHeads, head_dim].
template <int kHeadDim, int kHeads, typename T>
inline void FoldBlock(const float* query, const T* keys, const T* values, const BlockKeys& read, int head_dim,
                      RunningSoftmax* softmax, float* weighted) {
  static_assert(kPageTokens == kLanes);
  const int dim = kHeadDim > 0 ? kHeadDim : head_dim;
  Lanes partial[kHeads][4] = {};
  for (int d = 0; d < dim; d += 4) {
    for (int j = 0; j < 4; ++j) {
      const Lanes key = LoadWide(keys + (d + j) * kLanes);
      for (int h = 0; h < kHeads; ++h) partial[h][j] += query[h * dim + d + j] * key;
    }
  }
  constexpr IntLanes kIndex = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const IntLanes is_read = (kIndex >= read.first) & (kIndex < read.end);
  float weights[kHeads][kPageTokens];
  float corrections[kHeads];
  for (int h = 0; h < kHeads; ++h) {
    Lanes sums = (partial[h][0] + partial[h][1]) + (partial[h][2] + partial[h][3]);
    if (read.softcap > 0) sums = read.softcap * Tanh(sums / read.softcap);
    const Lanes scores = is_read ? sums : Broadcast(-std::numeric_limits<float>::infinity());
    const float block_max = MaxLanes(scores);
    const float new_max = softmax[h].max > block_max ? softmax[h].max : block_max;
    const Lanes exps = Exp(scores - new_max);
    corrections[h] = Exp(softmax[h].max - new_max);
    softmax[h].sum = softmax[h].sum * corrections[h] + SumLanes(exps);
    softmax[h].max = new_max;
    Store(exps, weights[h]);
  }
  // All parts of the heads at once where their number is known, else one part after the other.
  constexpr int kParts = kHeadDim > 0 ? kHeadDim / kLanes : 1;
  for (int i = 0; i < dim; i += kParts * kLanes) {
    Lanes sum[kHeads][kParts];
    for (int h = 0; h < kHeads; ++h) {
      for (int part = 0; part < kParts; ++part)
        sum[h][part] = Load(weighted + h * dim + i + part * kLanes) * corrections[h];
    }
    for (int t = 0; t < kPageTokens; ++t) {
      for (int part = 0; part < kParts; ++part) {
        const Lanes value = LoadWide(values + t * dim + i + part * kLanes);
        for (int h = 0; h < kHeads; ++h) sum[h][part] += weights[h][t] * value;
      }
    }
    for (int h = 0; h < kHeads; ++h) {
      for (int part = 0; part < kParts; ++part) Store(sum[h][part], weighted + h * dim + i + part * kLanes);
    }
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

// The heads of one row, `count` of them, as many at once as kMostHeads allows.
template <int kHeadDim, int kHeads = kMostHeads<kHeadDim>, typename T>
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

template <typename T, typename F>
void Gate(F activation, const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin,
          int64_t end) {
  for (int64_t row = 0; row < rows; ++row) {
    const T* gate = gate_up + row * 2 * ffn_width;
    const T* up = gate + ffn_width;
    T* y = out + row * ffn_width;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t left = end - i;
      StoreNarrow(activation(LoadWide(gate + i, left)) * LoadWide(up + i, left), y + i, left);
    }
  }
}

template <typename T>
void SwiGlu(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end) {
  Gate([](Lanes x) { return Silu(x); }, gate_up, rows, ffn_width, out, begin, end);
}

template <typename T>
void GeGlu(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end) {
  Gate([](Lanes x) { return GeluTanh(x); }, gate_up, rows, ffn_width, out, begin, end);
}

template <typename T>
void AddBias(T* y, const float* bias, int64_t rows, int64_t width, int64_t begin, int64_t end) {
  for (int64_t row = 0; row < rows; ++row) {
    T* out = y + row * width;
    for (int64_t i = begin; i < end; i += kLanes) {
      const int64_t left = end - i;
      StoreNarrow(LoadWide(out + i, left) + LoadWide(bias + i, left), out + i, left);
    }
  }
}

template <typename T>
void WidenAll(const T* in, float* out, int64_t count) {
  for (int64_t i = 0; i < count; ++i) out[i] = Widen(in[i]);
}

template <typename T>
void NarrowAll(const float* in, T* out, int64_t count) {
  for (int64_t i = 0; i < count; i += kLanes) StoreNarrow(LoadWide(in + i, count - i), out + i, count - i);
}

template <typename T>
constexpr Table<T> MakeTable() {
  return {.add_rms_norm = AddRmsNorm<T>,
          .norm_segments = NormSegments<T>,
          .rope_split = RopeSplit<T>,
          .attention = Attention<T>,
          .swiglu = SwiGlu<T>,
          .geglu = GeGlu<T>,
          .add_bias = AddBias<T>,
          .widen = WidenAll<T>,
          .narrow = NarrowAll<T>,
          .multiply = Multiply<T, T>,
          .multiply_to_float = Multiply<T, float>};
}

}  // namespace

extern const Table<Bf16> kBf16Table;
extern const Table<float> kFloatTable;
const Table<Bf16> kBf16Table = MakeTable<Bf16>();
const Table<float> kFloatTable = MakeTable<float>();

}  // namespace pass::kernels::PASS_KERNEL_ISA
