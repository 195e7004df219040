#include "core/model/backend/cuda/cuda_draft_head.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/model/backend/cuda/slices.h"

namespace pass {
namespace {

// Followed by zeros up to a whole number of slices.
at::Tensor Padded(const at::Tensor& states) {
  const int64_t lacking = WholeSlices(states.size(0)) - states.size(0);
  return lacking == 0 ? states : at::cat({states, at::zeros({lacking, states.size(1)}, states.options())});
}

template <typename T>
std::vector<T> Padded(std::vector<T> values) {
  values.resize(static_cast<size_t>(WholeSlices(std::ssize(values))));
  return values;
}

// f(slice) of whole slices.
template <typename T, typename F>
void ForSlices(const std::vector<T>& values, F f) {
  for (size_t first = 0; first < values.size(); first += kSliceRows) {
    f(std::span(values).subspan(first, kSliceRows));
  }
}

}  // namespace

at::Tensor CudaDraftHead::Advance(const at::Tensor& states, std::span<const TokenId> previous) const {
  const at::Tensor padded = Padded(states);
  std::vector<at::Tensor> next;
  ForSlices(Padded(std::vector(previous.begin(), previous.end())), [&](std::span<const TokenId> slice) {
    const int64_t first = std::ssize(next) * kSliceRows;
    next.push_back(AtenDraftHead::Advance(padded.narrow(0, first, kSliceRows), slice));
  });
  return at::cat(next).narrow(0, 0, states.size(0));
}

void CudaDraftHead::Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const {
  std::vector<ScoreTask> pieces;
  for (const ScoreTask& task : tasks) {
    // One at least, which takes the frequent tokens along.
    size_t first = 0;
    do {
      const size_t count = std::min(kPieceTokens, task.ids.size() - first);
      pieces.push_back({.state = task.state,
                        .ids = task.ids.subspan(first, count),
                        .out = task.out.subspan(first, count),
                        .frequent_out = first == 0 ? task.frequent_out : std::span<float>()});
      first += count;
    } while (first < task.ids.size());
  }
  pieces = Padded(std::move(pieces));
  std::vector<at::Tensor> scores;
  ForSlices(pieces, [&](std::span<const ScoreTask> slice) {
    scores.push_back(Products(states, slice, kPieceTokens));
  });
  ForSlices(Padded(StatesOfFrequent(tasks)),
            [&](std::span<const int64_t> slice) { scores.push_back(FrequentProducts(states, slice)); });
  Take(scores, kPieceTokens, pieces);
}

}  // namespace pass
