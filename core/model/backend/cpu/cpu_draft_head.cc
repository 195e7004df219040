#include "core/model/backend/cpu/cpu_draft_head.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/kernels/draft_kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/to_tensor.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

constexpr size_t kTokensPerThread = 64;  // that a thread scores at once

template <typename T>
T* RowOf(const at::Tensor& matrix, int64_t row) {
  return static_cast<T*>(matrix.data_ptr()) + row * matrix.size(1);
}

// [states; rows of the embedding], [n, 2 d].
template <typename T>
void Join(const at::Tensor& states, const at::Tensor& embedding, std::span<const TokenId> previous,
          const at::Tensor& out) {
  const int64_t width = states.size(1);
  const size_t bytes = static_cast<size_t>(width) * sizeof(T);
  for (int64_t i = 0; i < states.size(0); ++i) {
    T* row = RowOf<T>(out, i);
    std::memcpy(row, RowOf<T>(states, i), bytes);
    std::memcpy(row + width, RowOf<T>(embedding, previous[static_cast<size_t>(i)]), bytes);
  }
}

// Of one task's tokens from `begin` on.
struct Chunk {
  const DraftHead::ScoreTask* task;
  size_t begin, size;
};

std::vector<Chunk> ChunksOf(std::span<const DraftHead::ScoreTask> tasks) {
  std::vector<Chunk> chunks;
  for (const DraftHead::ScoreTask& task : tasks) {
    for (size_t begin = 0; begin < task.ids.size(); begin += kTokensPerThread) {
      chunks.push_back({&task, begin, std::min(kTokensPerThread, task.ids.size() - begin)});
    }
  }
  return chunks;
}

}  // namespace

CpuDraftHead::CpuDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head)
    : DraftHead(head.frequent_tokens),
      embedding_(std::move(embedding)),
      lm_head_(std::move(lm_head)),
      w1_(ToTensor(head.w1, embedding_.options()), kernels::Reads::kAgain),
      w2_(ToTensor(head.w2, embedding_.options()), kernels::Reads::kAgain),
      frequent_(RowsOf(lm_head_, std::span<const TokenId>(head.frequent_tokens)), kernels::Reads::kAgain) {}

at::Tensor CpuDraftHead::Advance(const at::Tensor& states, std::span<const TokenId> previous) const {
  const at::Tensor next = at::empty_like(states);
  ForComputeType(states, [&]<typename T>(T*) {
    const auto& table = kernels::DraftsForThisCpu<T>();
    const at::Tensor joined = at::empty({states.size(0), 2 * states.size(1)}, states.options());
    Join<T>(states, embedding_, previous, joined);
    const at::Tensor inner = w1_.ToFloat(joined);
    const at::Tensor gated = at::empty(inner.sizes(), states.options());
    table.silu(inner.data_ptr<float>(), RowOf<T>(gated, 0), inner.numel());
    const at::Tensor delta = w2_.ToFloat(gated);
    table.add_delta(RowOf<T>(states, 0), delta.data_ptr<float>(), RowOf<T>(next, 0), delta.numel());
  });
  return next;
}

void CpuDraftHead::Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const {
  const int64_t width = states.size(1);
  if (const std::vector<int64_t> wanted = StatesOfFrequent(tasks); !wanted.empty()) {
    const bool all = std::ssize(wanted) == states.size(0);
    const at::Tensor scores =
        frequent_.ToFloat(all ? states : RowsOf(states, std::span<const int64_t>(wanted)));
    TakeFrequent(scores.data_ptr<float>(), tasks);
  }
  const std::vector<Chunk> chunks = ChunksOf(tasks);
  ForComputeType(states, [&]<typename T>(T*) {
    ParallelFor(0, static_cast<int64_t>(chunks.size()), /*grain=*/1, [&](int64_t begin, int64_t end) {
      thread_local std::vector<float> state;
      state.resize(static_cast<size_t>(width));
      for (int64_t i = begin; i < end; ++i) {
        const Chunk& chunk = chunks[static_cast<size_t>(i)];
        kernels::ForThisCpu<T>().widen(RowOf<T>(states, chunk.task->state), state.data(), width);
        kernels::DraftsForThisCpu<T>().gather_dots(
            RowOf<T>(lm_head_, 0), width, chunk.task->ids.data() + chunk.begin,
            static_cast<int64_t>(chunk.size), state.data(), chunk.task->out.data() + chunk.begin);
      }
    });
  });
}

}  // namespace pass
