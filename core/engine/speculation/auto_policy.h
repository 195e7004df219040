// Method `auto`: it chooses between `tree` and `plain` by the seconds per token that both took in this
// process.
//
// It keeps apart batches of different sizes (batch_bucket.h). For each it smooths what forwards took and
// emitted; mixed forwards are left out.
//   - A method that was not measured yet is tried.
//   - While `tree` runs, a plain forward now and then keeps the baseline up to date. A forward that would be mixed anyway
//     is not used for that.
//   - When `tree` does not pay, plain runs, with nothing speculative in it. After a number of forwards `tree`
//     is tried again. That number doubles with each trial that fails, up to a limit.
//   - A `tree` that has paid is given up only when it is clearly slower, so that noise does not make the
//     method flutter.
//   - A `tree` of which many mixed forwards have shown nothing rests too, until a forward can show something.
//
// The policy decides about speed alone: a sequence gives the same tokens with either method. Owner:
// Speculation. Thread: the engine's.
#pragma once

#include <array>
#include <optional>

#include "absl/time/time.h"
#include "core/engine/batch_bucket.h"
#include "core/engine/forward_report.h"

namespace pass {

class AutoPolicy {
 public:
  static constexpr int kPlainForwardsKnown = 4;  // plain forwards that make a baseline
  static constexpr int kTreeForwardsKnown = 16;  // forwards after which `tree` is judged
  static constexpr int kFewestTreeForwards = 4;
  static constexpr int kForwardsToFirstBaseline = 8;  // the same while there is no baseline
  static constexpr int kUnmeasuredChoices =
      64;                                // choices of an unproven `tree` for mixed forwards; then it rests
  static constexpr int kFirstRest = 64;  // forwards without `tree` after it did not pay
  static constexpr int kLongestRest = 4096;

  // `control_share`: of the forwards while `tree` runs, this share is plain, to know what plain decoding
  // takes now. 0: only the first few are, without which nobody knows whether `tree` pays.
  explicit AutoPolicy(double control_share = 0.01);

  struct Choice {
    Method method = Method::kPlain;
    bool control = false;  // plain for comparison: `tree` would have been chosen
    bool resting = false;  // plain because `tree` did not pay, or nothing shows whether it does
  };
  // The method that sequences with `auto` take for the next forward, in which about `batch` sequences decode.
  // Call it once for each forward that has such a sequence. `comparable`: the forward will tell about one method alone.
  // It has no prompt rows, and every sequence in it is one with `auto`.
  Choice Choose(int batch, bool comparable);

  // Tells what one forward took. Call it for every forward, whoever chose its method. `batch`: sequences that
  // decoded in it. Tokens and time may be scaled to another batch of the same bucket (batch_scale.h), so that batches of
  // all its sizes can be compared.
  void Observe(ForwardKind kind, int batch, double emitted_tokens, absl::Duration time);

  // Smoothed time of a plain forward, which gives each sequence one token, in this batch's bucket. None if no
  // plain forward was measured there.
  std::optional<absl::Duration> PlainForwardTime(int batch) const;

 private:
  // Exponentially smoothed sums. The first samples weigh alike.
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
    bool proven = false;  // `tree` has paid since it was last tried anew
    int rest_left = 0;    // forwards until `tree` is tried again
    int next_rest = kFirstRest;
    int until_baseline = kForwardsToFirstBaseline;
    int unmeasured = 0;             // choices of `tree` for mixed forwards since its last sample
    bool rests_unmeasured = false;  // because of them
  };

  int ForwardsToNextBaseline(const Bucket& bucket) const;
  static int ForwardsToJudge(const Bucket& bucket, int batch);
  static void Judge(Bucket& bucket, int batch);
  static void Rest(Bucket& bucket);

  const int forwards_per_baseline_;
  std::array<Bucket, kNumBatchBuckets> buckets_;
};

}  // namespace pass
