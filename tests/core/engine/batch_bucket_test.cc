#include "core/engine/batch_bucket.h"

#include <gtest/gtest.h>

namespace pass {
namespace {

TEST(BatchBucket, HoldsBatchesUpToAPowerOfTwo) {
  EXPECT_EQ(BatchBucketOf(0), 0u);
  EXPECT_EQ(BatchBucketOf(1), 0u);
  EXPECT_EQ(BatchBucketOf(2), 1u);
  EXPECT_EQ(BatchBucketOf(3), 2u);
  EXPECT_EQ(BatchBucketOf(4), 2u);
  EXPECT_EQ(BatchBucketOf(16), 4u);
  EXPECT_EQ(BatchBucketOf(1 << 30), kNumBatchBuckets - 1);
  for (size_t bucket = 0; bucket < kNumBatchBuckets; ++bucket) {
    EXPECT_EQ(BatchBucketOf(LargestBatchOf(bucket)), bucket);
  }
}

}  // namespace
}  // namespace pass
