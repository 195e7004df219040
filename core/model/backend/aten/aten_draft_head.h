// The head by ATen.
#pragma once

#include "core/model/backend/draft_head.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class AtenDraftHead final : public DraftHead {
 public:
  // `embedding` and `lm_head`: [vocab, d], compute type, on the device; kept.
  AtenDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head);

  at::Device device() const override { return embedding_.device(); }
  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const override;
  // All tasks in one product, one more of the frequent tokens, and one download.
  void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const override;

 private:
  // fp32 [tasks, width] on the device; what lies beyond a task's own ids is of token 0.
  at::Tensor Products(const at::Tensor& states, std::span<const ScoreTask> tasks, size_t width) const;

  at::Tensor embedding_, lm_head_;
  at::Tensor w1_, w2_;   // [H, 2 d], [d, H]
  at::Tensor frequent_;  // fp32 [F, d]: those rows of lm_head
};

}  // namespace pass
