// The head on the CPU: every state is computed on its own, in a fixed order, so that it is row-invariant.
#pragma once

#include <ATen/core/Tensor.h>

#include <span>

#include "core/model/backend/cpu/cpu_linear.h"
#include "core/model/backend/draft_head.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class CpuDraftHead final : public DraftHead {
 public:
  // `embedding` and `lm_head`: [vocab, d], compute type; kept.
  CpuDraftHead(const LookaheadHead& head, at::Tensor embedding, at::Tensor lm_head);

  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const override;
  void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const override;
  at::Device device() const override { return embedding_.device(); }

 private:
  at::Tensor embedding_, lm_head_;
  // Drafts of one round follow each other: the head is read anew for each.
  CpuLinear w1_, w2_;
  CpuLinear frequent_;  // [F, d]: those rows of lm_head
};

}  // namespace pass
