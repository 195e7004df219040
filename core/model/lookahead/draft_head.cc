#include "core/model/lookahead/draft_head.h"

#include <ATen/ops/add.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/kernels/draft_kernels.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

using kernels::Bf16;

at::Tensor ToTensor(const Bf16Matrix& matrix, const at::TensorOptions& options) {
  auto* values = const_cast<uint16_t*>(matrix.values.data());  // only read
  return at::from_blob(values, {matrix.rows, matrix.columns}, at::kBFloat16)
      .to(options, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor RowsOf(const at::Tensor& table, std::span<const TokenId> ids) {
  const std::vector<int64_t> index(ids.begin(), ids.end());
  return table.index_select(0, at::tensor(index).to(table.device()));
}

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

template <typename T>
at::Tensor AdvanceOnCpu(const at::Tensor& states, const at::Tensor& embedding,
                        std::span<const TokenId> previous, const Linear& w1, const Linear& w2) {
  const auto& table = kernels::DraftsForThisCpu<T>();
  const at::Tensor joined = at::empty({states.size(0), 2 * states.size(1)}, states.options());
  Join<T>(states, embedding, previous, joined);
  const at::Tensor inner = w1.ToFloat(joined);
  const at::Tensor gated = at::empty(inner.sizes(), states.options());
  table.silu(inner.data_ptr<float>(), RowOf<T>(gated, 0), inner.numel());
  const at::Tensor delta = w2.ToFloat(gated);
  const at::Tensor next = at::empty_like(states);
  table.add_delta(RowOf<T>(states, 0), delta.data_ptr<float>(), RowOf<T>(next, 0), delta.numel());
  return next;
}

}  // namespace

DraftHead::DraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head)
    : embedding_(std::move(embedding)),
      lm_head_(std::move(lm_head)),
      plain_w1_(ToTensor(head.w1, embedding_.options())),
      plain_w2_(ToTensor(head.w2, embedding_.options())),
      frequent_(RowsOf(lm_head_, head.frequent_tokens), kernels::Reads::kAgain),
      frequent_tokens_(head.frequent_tokens) {
  if (!embedding_.is_cpu()) return;
  // Drafts of one round follow each other: the head is read anew for each.
  w1_ = Linear(std::exchange(plain_w1_, {}), kernels::Reads::kAgain);
  w2_ = Linear(std::exchange(plain_w2_, {}), kernels::Reads::kAgain);
}

at::Tensor DraftHead::Advance(const at::Tensor& states, std::span<const TokenId> previous) const {
  if (!states.is_cpu()) return Aten(states, RowsOf(embedding_, previous), plain_w1_, plain_w2_);
  at::Tensor next;
  ForComputeType(states,
                 [&]<typename T>(T*) { next = AdvanceOnCpu<T>(states, embedding_, previous, w1_, w2_); });
  return next;
}

void DraftHead::Score(const at::Tensor& states, int64_t row, std::span<const TokenId> ids,
                      std::span<float> out) const {
  if (!states.is_cpu()) {
    const at::Tensor scores = at::mv(RowsOf(lm_head_, ids), states[row]).to(at::kFloat).to(at::kCPU);
    std::copy_n(scores.data_ptr<float>(), out.size(), out.data());
    return;
  }
  const int64_t width = states.size(1);
  ForComputeType(states, [&]<typename T>(T*) {
    thread_local std::vector<float> state;
    state.resize(static_cast<size_t>(width));
    kernels::ForThisCpu<T>().widen(RowOf<T>(states, row), state.data(), width);
    kernels::DraftsForThisCpu<T>().gather_dots(RowOf<T>(lm_head_, 0), width, ids.data(),
                                               static_cast<int64_t>(ids.size()), state.data(), out.data());
  });
}

at::Tensor DraftHead::ScoreFrequent(const at::Tensor& states) const {
  return frequent_.ToFloat(states).to(at::kCPU);
}

at::Tensor DraftHead::Aten(const at::Tensor& states, const at::Tensor& e, const at::Tensor& w1,
                           const at::Tensor& w2) {
  return at::add(states, at::linear(at::silu(at::linear(at::cat({states, e}, -1), w1)), w2));
}

}  // namespace pass
