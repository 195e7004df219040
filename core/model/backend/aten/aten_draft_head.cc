#include "core/model/backend/aten/aten_draft_head.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "core/model/backend/to_tensor.h"

namespace pass {
AtenDraftHead::AtenDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head)
    : DraftHead(head.frequent_tokens),
      embedding_(std::move(embedding)),
      lm_head_(std::move(lm_head)),
      w1_(ToTensor(head.w1, embedding_.options())),
      w2_(ToTensor(head.w2, embedding_.options())),
      frequent_(RowsOf(lm_head_, std::span<const TokenId>(head.frequent_tokens)).to(at::kFloat)) {}

at::Tensor AtenDraftHead::Advance(const at::Tensor& states, std::span<const TokenId> previous) const {
  const at::Tensor joined = at::cat({states, RowsOf(embedding_, previous)}, -1);
  return at::add(states, at::linear(at::silu(at::linear(joined, w1_)), w2_));
}

at::Tensor AtenDraftHead::Products(const at::Tensor& states, std::span<const ScoreTask> tasks,
                                   size_t width) const {
  std::vector<TokenId> ids;  // [tasks, width], filled up with token 0
  std::vector<int64_t> rows;
  for (const ScoreTask& task : tasks) {
    ids.insert(ids.end(), task.ids.begin(), task.ids.end());
    rows.push_back(task.state);
    ids.resize(rows.size() * width);
  }
  const at::Tensor weights = RowsOf(lm_head_, std::span<const TokenId>(ids))
                                 .view({std::ssize(tasks), static_cast<int64_t>(width), states.size(1)});
  const at::Tensor of_tasks = RowsOf(states, std::span<const int64_t>(rows));
  return at::matmul(weights.to(at::kFloat), of_tasks.to(at::kFloat).unsqueeze(-1)).squeeze(-1);
}

void AtenDraftHead::Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const {
  size_t width = 0;
  for (const ScoreTask& task : tasks) width = std::max(width, task.ids.size());
  const std::vector<int64_t> of_frequent = StatesOfFrequent(tasks);
  const at::Tensor wanted = RowsOf(states, std::span<const int64_t>(of_frequent)).to(at::kFloat);
  const at::Tensor scores =
      at::cat({Products(states, tasks, width).reshape(-1), at::linear(wanted, frequent_).reshape(-1)})
          .to(at::kCPU);
  const auto* from = scores.data_ptr<float>();
  for (const ScoreTask& task : tasks) {
    std::copy_n(from, task.out.size(), task.out.data());
    from += width;
  }
  TakeFrequent(from, tasks);
}

}  // namespace pass
