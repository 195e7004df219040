// The head: corrects a look-ahead row's state u with the token just before the predicted one, whose embedding is e,
//   u' = u + w2 silu(w1 [u; e]),
// and scores tokens by the logits of u'. Applied again to its own output, it predicts the token after (recurrent step).
// Hydra (arXiv 2402.05109) has heads of this kind; the sampler head of arXiv 2507.11851 is one.
//
// Shapes: n states of width d, in the compute type, on the head's device; each u' is rounded to it once, where it is made. Immutable.
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/base/token_id.h"

namespace pass {

class DraftHead {
 public:
  // Tokens to score with one state; out.size() == ids.size().
  struct ScoreTask {
    int64_t state = 0;  // row of the states
    std::span<const TokenId> ids;
    std::span<float> out;
    std::span<float> frequent_out;  // of the frequent tokens besides; empty: not wanted
  };

  virtual ~DraftHead() = default;

  // u' [n, d] of states u [n, d] and one token each.
  virtual at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const = 0;
  // Logits of each task's tokens, and of the frequent ones where they are wanted: of all those tasks at once, so that their rows
  // of lm_head are read once.
  virtual void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const = 0;
  // Ascending.
  const std::vector<TokenId>& frequent_tokens() const { return frequent_tokens_; }
  // Where it wants states.
  virtual at::Device device() const = 0;

 protected:
  explicit DraftHead(std::vector<TokenId> frequent_tokens) : frequent_tokens_(std::move(frequent_tokens)) {}

  // The states of the tasks that want frequent tokens, in their order.
  static std::vector<int64_t> StatesOfFrequent(std::span<const ScoreTask> tasks) {
    std::vector<int64_t> states;
    for (const ScoreTask& task : tasks) {
      if (!task.frequent_out.empty()) states.push_back(task.state);
    }
    return states;
  }
  // A row of scores, as many as there are frequent tokens, to each of them.
  static void TakeFrequent(const float* scores, std::span<const ScoreTask> tasks) {
    for (const ScoreTask& task : tasks) {
      std::copy_n(scores, task.frequent_out.size(), task.frequent_out.data());
      scores += task.frequent_out.size();
    }
  }

 private:
  std::vector<TokenId> frequent_tokens_;
};

}  // namespace pass
