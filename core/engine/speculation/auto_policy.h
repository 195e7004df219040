// Method `auto`: `tree` as long as it has paid, else plain, from the seconds per token that both took in this
// process.
//
// Per batch bucket (1, 2, 4, 8, 16, ... sequences) it smooths what unmixed forwards took and emitted. An
// unknown method is tried. While `tree` runs, a plain forward now and then keeps the baseline honest. When
// `tree` does not pay, plain runs, with nothing speculative in it, and `tree` is probed again after a number of
// forwards that doubles with each probe that fails, up to a limit. A tree that has paid before is given up only
// when it is clearly slower, so that noise does not make the method flutter.
//
// The policy looks at speed alone: what is emitted does not depend on it, because a sequence gives the same
// tokens with either method. Thread: the engine's.
#pragma once

#include <array>
#include <optional>

#include "absl/time/time.h"
#include "core/engine/batch_bucket.h"
#include "core/engine/forward_report.h"

namespace pass {

class AutoPolicy {
 public:
  static constexpr int kPlainForwardsKnown = 4;  // forwards that make a baseline
  static constexpr int kTreeForwardsKnown = 16;  // forwards after which `tree` is judged
  static constexpr int kFewestTreeForwards = 4;
  static constexpr int kForwardsPerBaseline = 96;     // one plain forward in so many
  static constexpr int kForwardsToFirstBaseline = 8;  // the same while there is no baseline
  static constexpr int kBaselineAttempts = 4;         // plain forwards until one is unmixed; then later again
  static constexpr int kUnmeasuredChoices = 64;  // of `tree` in mixed batches, which show nothing: then rest
  static constexpr int kFirstRest = 64;          // forwards without `tree` after it did not pay
  static constexpr int kLongestRest = 4096;

  // The method that sequences take for the next forward, in which about `batch` sequences decode. Call it once per forward that has a sequence with method `auto`.
  Method Choose(int batch);

  // What one forward took: every forward, whoever chose its method. `batch`: sequences that decoded in it.
  void Observe(ForwardKind kind, int batch, int emitted_tokens, absl::Duration time);

  // Smoothed time of a plain forward, one token per sequence, in this batch's bucket; none without a
  // baseline.
  std::optional<absl::Duration> PlainForwardTime(int batch) const;

 private:
  // Exponentially smoothed sums; the first samples count alike.
  struct Rate {
    double seconds = 0;
    double tokens = 0;
    int samples = 0;

    void Add(double sample_seconds, double sample_tokens, double weight);
    double seconds_per_token() const { return seconds / tokens; }
  };
  struct Bucket {
    Rate plain;           // samples: forwards
    Rate tree;            // the same
    bool proven = false;  // `tree` has paid since it was last probed
    int rest_left = 0;    // forwards until `tree` is probed again
    int next_rest = kFirstRest;
    int until_baseline = kForwardsToFirstBaseline;
    int baseline_attempts_left = 0;
    int unmeasured = 0;  // choices of `tree` since its last sample
  };

  static int ForwardsToJudge(const Bucket& bucket, int batch);
  static void Judge(Bucket& bucket, int batch);
  static void Rest(Bucket& bucket);

  std::array<Bucket, kNumBatchBuckets> buckets_;
};

}  // namespace pass
