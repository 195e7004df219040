// The head by ATen.
#pragma once

#include "core/model/backend/draft_head.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class AtenDraftHead final : public DraftHead {
 public:
  // `embedding` and `lm_head`: [vocab, d], compute type, on the device; kept.
  AtenDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head);

  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const override;
  // All tasks in one product.
  void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const override;
  at::Tensor ScoreFrequent(const at::Tensor& states) const override;

 private:
  at::Tensor embedding_, lm_head_;
  at::Tensor w1_, w2_;   // [H, 2 d], [d, H]
  at::Tensor frequent_;  // fp32 [F, d]: those rows of lm_head
};

}  // namespace pass
