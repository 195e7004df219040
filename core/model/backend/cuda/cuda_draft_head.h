// The head at fixed shapes: states by slices of kSliceRows, tokens to score in pieces of kPieceTokens.
#pragma once

#include "core/model/backend/aten/aten_draft_head.h"

namespace pass {

class CudaDraftHead final : public AtenDraftHead {
 public:
  static constexpr size_t kPieceTokens = 128;

  using AtenDraftHead::AtenDraftHead;

  at::Tensor Advance(const at::Tensor& states, std::span<const TokenId> previous) const override;
  void Score(const at::Tensor& states, std::span<const ScoreTask> tasks) const override;
};

}  // namespace pass
