#include "core/engine/accounts.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "core/engine/batch_bucket.h"

namespace pass {

void Accounts::AddToken(TokenId token, std::string_view text) {
  pending_.token_ids.push_back(token);
  pending_.text.append(text);
}

void Accounts::AddValidation(const Absorbed& absorbed, int num_emitted) {
  // Accepted drafts come first in a validation's tokens: a cut leaves so many of them.
  const int accepted = std::min(absorbed.accepted, num_emitted);
  const int drafted_positions = absorbed.drafted_positions;
  pending_.drafted += absorbed.drafted;
  pending_.accepted += accepted;
  pending_.drafted_positions += drafted_positions;
  for (int i = 0; i < kNumDraftOrigins; ++i) pending_.drafted_by_origin[i] += absorbed.drafted_by_origin[i];
  for (int i = 0; i < accepted; ++i) {
    ++pending_.accepted_by_origin[static_cast<size_t>(absorbed.accepted_from[i])];
  }
  ++summary_.validation_steps;
  if (static_cast<size_t>(drafted_positions) > summary_.drafted_by_position.size()) {
    summary_.drafted_by_position.resize(drafted_positions);
    summary_.accepted_by_position.resize(drafted_positions);
  }
  for (int i = 0; i < drafted_positions; ++i) ++summary_.drafted_by_position[i];
  for (int i = 0; i < accepted; ++i) ++summary_.accepted_by_position[i];
}

void Accounts::AddForward(Method method, int rows, const ForwardReport& forward) {
  const bool mixed = forward.kind != KindOf(method);
  if (pending_.forwards == 0) {
    pending_batch_ = forward.sequences;
    pending_mixed_ = mixed;
  } else if (mixed || BatchBucketOf(forward.sequences) != BatchBucketOf(pending_batch_)) {
    pending_mixed_ = true;
  }
  pending_.method = method;
  pending_.rows += rows;
  pending_.step_time += forward.time;
  ++pending_.forwards;
}

void Accounts::AddToBucket(int batch, int64_t tokens, absl::Duration time) {
  for (BucketCost& bucket : buckets_) {
    if (BatchBucketOf(bucket.batch) != BatchBucketOf(batch)) continue;
    bucket.tokens += tokens;
    bucket.time += time;
    return;
  }
  buckets_.push_back({.batch = batch, .tokens = tokens, .time = time});
}

StepReport Accounts::TakeReport() {
  summary_.forwards += pending_.forwards;
  summary_.drafted += pending_.drafted;
  summary_.accepted += pending_.accepted;
  if (!pending_mixed_) {
    AddToBucket(pending_batch_, static_cast<int64_t>(pending_.token_ids.size()), pending_.step_time);
  }
  return std::exchange(pending_, StepReport());
}

SpeculationSummary Accounts::Summary(const Speculation& speculation) const {
  SpeculationSummary summary = summary_;
  absl::Duration plain_time;
  absl::Duration time;
  for (const BucketCost& bucket : buckets_) {
    const std::optional<absl::Duration> plain_forward = speculation.PlainForwardTime(bucket.batch);
    if (!plain_forward.has_value()) continue;
    plain_time += *plain_forward * bucket.tokens;
    time += bucket.time;
  }
  if (time > absl::ZeroDuration()) summary.estimated_decode_speedup = absl::FDivDuration(plain_time, time);
  return summary;
}

}  // namespace pass
