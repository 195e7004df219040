// What ATen's operators need of a forward's rows, all on the device: views of one tensor, which is uploaded once.
#pragma once

#include "core/model/backend/backend.h"

namespace pass {

// What Embed looks up, int64 [R].
struct EmbeddedRows : ForwardPlan {
  at::Tensor tokens;      // of look-ahead rows 0
  at::Tensor lookaheads;  // of ordinary rows 0
};

struct AtenPlan final : EmbeddedRows {
  // int64 [R]: tokens of the row's sequence.
  at::Tensor committed;
  // int64 [R, P]: the pages of the row's sequence, as many as the longest one has; 0 beyond its own.
  at::Tensor pages;
  // bool [R, R]: whether row i may read row j, itself or an ancestor.
  at::Tensor ancestors;

  AtenPlan(std::span<const StepRow> rows, at::Device device);

  // A plan that this backend made.
  static const AtenPlan& Of(const ForwardPlan& plan) { return static_cast<const AtenPlan&>(plan); }
};

}  // namespace pass
