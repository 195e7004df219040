#include "core/engine/speculation/auto_policy.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pass {
namespace {

constexpr double kPlainWeight = 1.0 / 8;  // few baseline samples come while `tree` runs: each must count
constexpr double kTreeWeight = 1.0 / 32;  // accepted lengths vary much from step to step
constexpr int kMostSamples = 1 << 20;     // more change nothing
constexpr double kSlowerThanProven = 1.01;
constexpr double kMostOfAStall =
    2.0;  // a plain forward counts for no more than so many times the others, and no less

}  // namespace

void AutoPolicy::Rate::Add(double sample_seconds, double sample_tokens, double weight) {
  samples = std::min(samples + 1, kMostSamples);
  const double w = std::max(weight, 1.0 / samples);
  seconds += w * (sample_seconds - seconds);
  tokens += w * (sample_tokens - tokens);
}

AutoPolicy::AutoPolicy(double control_share)
    : forwards_per_baseline_(control_share > 0
                                 ? static_cast<int>(std::clamp(std::round(1.0 / control_share), 1.0, 1e9))
                                 : std::numeric_limits<int>::max()) {}

AutoPolicy::Choice AutoPolicy::Choose(int batch, bool comparable) {
  Bucket& bucket = buckets_[BatchBucketOf(batch)];
  if (bucket.rests_unmeasured && comparable) {
    bucket.rests_unmeasured = false;
    bucket.rest_left = 0;
    bucket.next_rest = kFirstRest;
  }
  if (bucket.rest_left > 0) {
    --bucket.rest_left;
    return {.method = Method::kPlain, .resting = true};
  }
  if (comparable) {
    if (--bucket.until_baseline <= 0) {
      bucket.until_baseline = ForwardsToNextBaseline(bucket);
      return {.method = Method::kPlain, .control = true};
    }
  } else if (!bucket.proven && ++bucket.unmeasured > kUnmeasuredChoices) {
    Rest(bucket);
    bucket.rests_unmeasured = true;
    return {.method = Method::kPlain, .resting = true};
  }
  return {.method = Method::kTree};
}

int AutoPolicy::ForwardsToNextBaseline(const Bucket& bucket) const {
  return bucket.plain.samples < kPlainForwardsKnown
             ? std::min(kForwardsToFirstBaseline, forwards_per_baseline_)
             : forwards_per_baseline_;
}

void AutoPolicy::Observe(ForwardKind kind, int batch, double emitted_tokens, absl::Duration time) {
  if (emitted_tokens <= 0 || time <= absl::ZeroDuration()) return;
  Bucket& bucket = buckets_[BatchBucketOf(batch)];
  double seconds = absl::ToDoubleSeconds(time);
  if (kind == KindOf(Method::kPlain)) {
    const double usual = bucket.plain.seconds;
    if (bucket.plain.samples >= kPlainForwardsKnown)
      seconds = std::clamp(seconds, usual / kMostOfAStall, usual * kMostOfAStall);
    bucket.plain.Add(seconds, emitted_tokens, kPlainWeight);
    bucket.until_baseline = ForwardsToNextBaseline(bucket);
  }
  if (kind != KindOf(Method::kTree)) return;
  bucket.tree.Add(seconds, emitted_tokens, kTreeWeight);
  bucket.unmeasured = 0;
  Judge(bucket, batch);
}

// The first time the drafts are still being learned. Later a larger batch shows as much in fewer forwards.
int AutoPolicy::ForwardsToJudge(const Bucket& bucket, int batch) {
  if (bucket.next_rest == kFirstRest) return kTreeForwardsKnown;
  return std::max(kFewestTreeForwards, kTreeForwardsKnown / std::max(batch, 1));
}

void AutoPolicy::Judge(Bucket& bucket, int batch) {
  if (bucket.plain.samples < kPlainForwardsKnown || bucket.tree.samples < ForwardsToJudge(bucket, batch)) {
    return;
  }
  const double bearable = bucket.plain.seconds_per_token() * (bucket.proven ? kSlowerThanProven : 1.0);
  if (bucket.tree.seconds_per_token() > bearable) {
    Rest(bucket);
    return;
  }
  bucket.proven = true;
  bucket.next_rest = kFirstRest;
}

void AutoPolicy::Rest(Bucket& bucket) {
  bucket.rest_left = bucket.next_rest;
  bucket.next_rest = std::min(2 * bucket.next_rest, kLongestRest);
  bucket.tree = Rate();  // the next probe judges what it sees itself
  bucket.proven = false;
  bucket.unmeasured = 0;
}

std::optional<absl::Duration> AutoPolicy::PlainForwardTime(int batch) const {
  const Rate& plain = buckets_[BatchBucketOf(batch)].plain;
  if (plain.samples == 0) return std::nullopt;
  return absl::Seconds(plain.seconds);
}

}  // namespace pass
