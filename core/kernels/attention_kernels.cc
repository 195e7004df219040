// Attention, compiled once per instruction set; see kernels.h.
#include "core/kernels/attention_kernels.h"

#include <algorithm>
#include <limits>

#include "core/kernels/attention_vectors.h"
#include "core/kernels/page_layout.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

template <typename T>
inline void Prefetch(const T* from, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(from + i);
}

// Values that nobody reads are zeros, as their weights are: a NaN would count. Such keys may be anything.
template <typename T>
void Gather(const AttentionData<T>& data, const GatheredBlock& block, int kv_head, T* keys, T* values) {
  const int64_t dim = data.head_dim, size = kPageTokens * dim;
  // Of the values whole pairs: behind the last committed token stands that of a row.
  const int64_t copied = (block.committed + kTogether<T> - 1) / kTogether<T> * kTogether<T> * dim;
  if (copied > 0) {
    const int64_t page = (int64_t{block.page} * data.num_kv_heads + kv_head) * size;
    std::copy_n(data.page_keys + page, size, keys);
    std::copy_n(data.page_values + page, copied, values);
  } else {
    std::fill_n(keys, size, T{});
  }
  std::fill(values + copied, values + size, T{});
  for (int t = block.committed; t < kPageTokens; ++t) {
    if (block.rows[t] < 0) continue;
    const int64_t row = (int64_t{block.rows[t]} * data.num_kv_heads + kv_head) * dim;
    for (int64_t d = 0; d < dim; ++d) {
      keys[KeyPlace<T>(t, d)] = data.row_keys[row + d];
      values[ValuePlace<T>(t, d, dim)] = data.row_values[row + d];
    }
  }
}

template <typename T, int kHeadDim>
void AttentionOfDim(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch) {
  const int dim = data.head_dim, group = data.group;
  const int heads = data.num_kv_heads * group;
  const int64_t block_size = int64_t{kPageTokens} * dim;
  const int states = task.num_rows * group;
  const int64_t most_states = int64_t{kMaxTaskRows} * group;  // [rows, group]
  float* query = scratch;
  float* weighted = query + most_states * dim;
  const RunningSoftmax softmax{.max = weighted + most_states * dim,
                               .sums = weighted + most_states * (dim + 1)};
  BlockKeys* read = reinterpret_cast<BlockKeys*>(softmax.sums + most_states * kPageTokens);
  T* gathered = reinterpret_cast<T*>(read + most_states);
  std::fill_n(weighted, int64_t{states} * dim, 0.0f);
  std::fill_n(softmax.max, states, -std::numeric_limits<float>::infinity());
  std::fill_n(softmax.sums, int64_t{states} * kPageTokens, 0.0f);
  for (int row = 0; row < task.num_rows; ++row) {
    const int64_t from = (static_cast<int64_t>(task.first_row + row) * heads + kv_head * group) * dim;
    std::copy_n(data.query + from, int64_t{group} * dim, query + int64_t{row} * group * dim);
  }
  const Queries<kHeadDim> queries{.query = query,
                                  .head_dim = dim,
                                  .softcap = data.softcap,
                                  .read = read,
                                  .softmax = softmax,
                                  .weighted = weighted};

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
  // Rows [row, end) of the task, as far as they read something.
  const auto fold = [&](int row, int end, int first_position, const T* keys, const T* values) {
    for (int next = row; row < end; row = next + 1) {
      for (next = row; next < end; ++next) {
        const BlockKeys keys_of_row = keys_of(next, first_position);
        if (keys_of_row.None()) break;
        std::fill_n(read + (next - task.first_row) * group, group, keys_of_row);
      }
      FoldQueries(queries, (row - task.first_row) * group, (next - task.first_row) * group, keys, values);
    }
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
    fold(task.first_row, last_row, p * kPageTokens, data.page_keys + page, data.page_values + page);
  }
  for (int index : task.gathered) {
    const GatheredBlock& block = data.plan->blocks[index];
    if (block.first_position + kPageTokens <= start) continue;
    Gather(data, block, kv_head, gathered, gathered + block_size);
    const auto readers_end = std::ranges::lower_bound(block.readers, last_row);
    for (auto reader = std::ranges::lower_bound(block.readers, task.first_row); reader < readers_end;) {
      const int row = *reader;
      int end = row;  // of the readers that follow each other
      while (reader < readers_end && *reader == end) ++reader, ++end;
      fold(row, end, block.first_position, gathered, gathered + block_size);
    }
  }

  for (int row = task.first_row; row < last_row; ++row) {
    for (int g = 0; g < group; ++g) {
      const int state = (row - task.first_row) * group + g;
      const float inverse = 1.0f / SumLanes(Load(softmax.sums + int64_t{state} * kPageTokens));
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
