// Batches by size: 1, 2, up to 4, up to 8, and so on. What forwards cost and bring is compared within such a
// bucket.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>

namespace pass {

inline constexpr size_t kNumBatchBuckets = 12;

// The smallest i with `sequences` <= 2^i, at most kNumBatchBuckets - 1.
constexpr size_t BatchBucketOf(int sequences) {
  const auto batch = static_cast<unsigned>(std::max(sequences, 1));
  return std::min<size_t>(std::bit_width(batch - 1), kNumBatchBuckets - 1);
}

// The largest batch of a bucket; the last one has no such limit.
constexpr int LargestBatchOf(size_t bucket) { return 1 << bucket; }

}  // namespace pass
