// What the CPU's operators need of a forward's rows.
#pragma once

#include <vector>

#include "core/model/backend/backend.h"

namespace pass {

struct CpuPlan final : ForwardPlan {
  std::vector<StepRow> rows;
  AttentionPlan attention;

  // A plan that this backend made.
  static const CpuPlan& Of(const ForwardPlan& plan) { return static_cast<const CpuPlan&>(plan); }
};

}  // namespace pass
