#include "core/engine/auto_policy.h"

#include <algorithm>

namespace pass {
namespace {

constexpr double kPlainWeight = 1.0 / 8;  // few baseline samples come while `pass` runs: each must count
constexpr double kPassWeight = 1.0 / 32;  // accepted lengths vary much from round to round

}  // namespace

void AutoPolicy::Rate::Add(double sample_seconds, double sample_tokens, double weight) {
  ++samples;
  const double w = std::max(weight, 1.0 / samples);
  seconds += w * (sample_seconds - seconds);
  tokens += w * (sample_tokens - tokens);
}

int AutoPolicy::BucketOf(int batch) {
  int bucket = 0;
  while (bucket < kNumBuckets - 1 && batch > (1 << bucket)) ++bucket;
  return bucket;
}

Method AutoPolicy::Choose(int batch) {
  Bucket& bucket = buckets_[BucketOf(batch)];
  if (bucket.rest_left > 0) {
    --bucket.rest_left;
    return Method::kPlain;
  }
  if (bucket.baseline_attempts_left > 0) {
    if (--bucket.baseline_attempts_left == 0) bucket.until_baseline = kForwardsPerBaseline;
    return Method::kPlain;
  }
  if (--bucket.until_baseline <= 0) {
    bucket.baseline_attempts_left = kBaselineAttempts - 1;
    return Method::kPlain;
  }
  if (++bucket.unmeasured > kUnmeasuredChoices) {
    Rest(bucket);
    return Method::kPlain;
  }
  return Method::kPass;
}

void AutoPolicy::Observe(ForwardKind kind, int batch, int emitted_tokens, absl::Duration time) {
  Bucket& bucket = buckets_[BucketOf(batch)];
  if (kind == ForwardKind::kPlain && emitted_tokens > 0) {
    bucket.plain.Add(absl::ToDoubleSeconds(time), emitted_tokens, kPlainWeight);
    bucket.baseline_attempts_left = 0;
    bucket.until_baseline =
        bucket.plain.samples < kPlainForwardsKnown ? kForwardsToFirstBaseline : kForwardsPerBaseline;
  }
  if (kind != ForwardKind::kPass) {
    half_round_.reset();
    return;
  }
  if (!half_round_.has_value() || half_round_->bucket != BucketOf(batch)) {
    half_round_ = HalfRound{.bucket = BucketOf(batch), .time = time, .tokens = emitted_tokens};
    return;
  }
  bucket.pass.Add(absl::ToDoubleSeconds(half_round_->time + time), half_round_->tokens + emitted_tokens,
                  kPassWeight);
  bucket.unmeasured = 0;
  half_round_.reset();
  Judge(bucket);
}

void AutoPolicy::Judge(Bucket& bucket) {
  if (bucket.plain.samples < kPlainForwardsKnown || bucket.pass.samples < kPassRoundsKnown) return;
  if (bucket.pass.tokens > 0 && bucket.pass.seconds_per_token() <= bucket.plain.seconds_per_token()) {
    bucket.next_rest = kFirstRest;
    return;
  }
  Rest(bucket);
}

void AutoPolicy::Rest(Bucket& bucket) {
  bucket.rest_left = bucket.next_rest;
  bucket.next_rest = std::min(2 * bucket.next_rest, kLongestRest);
  bucket.pass = Rate();  // the next probe judges what it sees itself
  bucket.unmeasured = 0;
}

std::optional<absl::Duration> AutoPolicy::PlainForwardTime(int batch) const {
  const Rate& plain = buckets_[BucketOf(batch)].plain;
  if (plain.samples == 0) return std::nullopt;
  return absl::Seconds(plain.seconds);
}

}  // namespace pass
