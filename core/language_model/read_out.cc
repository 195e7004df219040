#include "core/language_model/read_out.h"

#include <utility>

#include "core/base/check.h"
#include "core/sampling/draw.h"
#include "core/sampling/filters.h"

namespace pass {

RowResult ReadOut(std::span<const float> logits, const Row& row) {
  RowResult result;
  if (row.output == RowOutput::kNothing) return result;
  PASS_CHECK(row.sampling != nullptr);
  if (row.output == RowOutput::kToken) {
    absl::StatusOr<TokenId> token = DrawTarget(logits, *row.sampling, row.position + 1);
    if (token.ok()) {
      result.token = *token;
    } else {
      result.status = token.status();
    }
    return result;
  }
  absl::StatusOr<Distribution> distribution = Filter(logits, *row.sampling);
  if (distribution.ok()) {
    result.distribution = *std::move(distribution);
  } else {
    result.status = distribution.status();
  }
  return result;
}

}  // namespace pass
