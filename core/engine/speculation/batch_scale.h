// Batches of one bucket (batch_bucket.h) are of different sizes: a forward of five sequences takes about as long as one of eight and
// brings fewer tokens. So what is compared within a bucket is scaled to its largest batch first.
#pragma once

#include "core/engine/batch_bucket.h"
#include "core/engine/speculation/step_costs.h"

namespace pass {

// What a plain forward of the bucket's largest batch takes and brings, as multiples of what one of `batch` does.
struct BatchScale {
  double seconds = 1;
  double tokens = 1;
};

// `batch`: at least 1.
inline BatchScale ScaleToLargest(int batch, const StepCosts& costs) {
  const int largest = LargestBatchOf(BatchBucketOf(batch));
  return {.seconds = costs.Seconds(largest) / costs.Seconds(batch), .tokens = 1.0 * largest / batch};
}

}  // namespace pass
