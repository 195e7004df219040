// The head by ATen.
#pragma once

#include "core/model/backend/draft_head.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class AtenDraftHead : public DraftHead {
 public:
  // `embedding` and `lm_head`: [vocab, d], compute type, on the device; kept.
  AtenDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head);

  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const override;
  // All tasks in one product, and one more of the frequent tokens.
  void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const override;

 protected:
  // fp32 [tasks, width] on the device; what lies beyond a task's own ids is of token 0.
  at::Tensor Products(const at::Tensor& states, std::span<const ScoreTask> tasks, size_t width) const;
  // fp32 [rows, F] of these rows of the states, on the device.
  at::Tensor FrequentProducts(const at::Tensor& states, std::span<const int64_t> rows) const;
  // Hands out what was computed, in one download. `scores`: Products of all tasks, then FrequentProducts of StatesOfFrequent.
  static void Take(std::span<const at::Tensor> scores, size_t width, std::span<const ScoreTask> tasks);

 private:
  at::Tensor embedding_, lm_head_;
  at::Tensor w1_, w2_;   // [H, 2 d], [d, H]
  at::Tensor frequent_;  // fp32 [F, d]: those rows of lm_head
};

}  // namespace pass
