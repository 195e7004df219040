#include "core/language_model/read_out.h"

#include <utility>

#include "core/base/check.h"
#include "core/sampling/draw.h"
#include "core/sampling/filters.h"

namespace pass {
namespace {

// What the row asked for, of the distribution that it draws from.
RowResult Give(absl::StatusOr<Distribution> distribution, const Row& row) {
  RowResult result;
  result.status = distribution.status();
  if (!distribution.ok()) return result;
  if (row.output == RowOutput::kDistribution) {
    result.distribution = *std::move(distribution);
  } else {
    const Noise noise(row.sampling->seed, row.sampling->choice);
    result.token = Draw(*distribution, noise, row.position + 1, /*base=*/0, Purpose::kTarget);
  }
  return result;
}

}  // namespace

bool BestTokensSuffice(const Row& row, int count) {
  if (row.output == RowOutput::kNothing || row.output == RowOutput::kShortlist) return true;
  PASS_CHECK(row.sampling != nullptr);
  return row.sampling->greedy() || (row.sampling->top_k > 0 && row.sampling->top_k <= count);
}

RowResult ReadOut(std::span<const TokenId> ids, std::span<const float> logits, const Row& row) {
  PASS_CHECK(row.sampling != nullptr);
  return Give(Filter(ids, logits, *row.sampling), row);
}

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
  return Give(Filter(logits, *row.sampling), row);
}

}  // namespace pass
