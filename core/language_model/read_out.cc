#include "core/language_model/read_out.h"

#include <utility>

#include "core/base/check.h"
#include "core/sampling/draw.h"
#include "core/sampling/filters.h"

namespace pass {
namespace {

template <typename T>
void Take(absl::StatusOr<T> value, T& to, absl::Status& status) {
  status = value.status();
  if (value.ok()) to = *std::move(value);
}

// `logits`: as DrawTarget and Filter take them.
template <typename... Logits>
RowResult ReadOutOf(const Row& row, Logits... logits) {
  RowResult result;
  if (row.output == RowOutput::kNothing) return result;
  PASS_CHECK(row.sampling != nullptr);
  if (row.output == RowOutput::kToken) {
    Take(DrawTarget(logits..., *row.sampling, row.position + 1), result.token, result.status);
  } else {
    Take(Filter(logits..., *row.sampling), result.distribution, result.status);
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
  return ReadOutOf(row, ids, logits);
}

RowResult ReadOut(std::span<const float> logits, const Row& row) { return ReadOutOf(row, logits); }

}  // namespace pass
