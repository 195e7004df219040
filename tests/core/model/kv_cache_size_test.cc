#include "core/model/kv_cache_size.h"

#include <gtest/gtest.h>

namespace pass {
namespace {

constexpr int64_t kGib = int64_t{1} << 30;

TEST(KvCacheSize, IsWhatWasAskedForWhateverIsFree) {
  EXPECT_EQ(KvCacheBytes(3 * kGib, std::nullopt), 3 * kGib);
  EXPECT_EQ(KvCacheBytes(3 * kGib, kGib), 3 * kGib);
}

TEST(KvCacheSize, IsAGibInTheMachinesMemory) { EXPECT_EQ(KvCacheBytes(0, std::nullopt), kGib); }

TEST(KvCacheSize, IsMostOfWhatADeviceHasFreeAndNotAll) {
  const int64_t bytes = KvCacheBytes(0, 80 * kGib);
  EXPECT_GT(bytes, 60 * kGib);
  EXPECT_LT(bytes, 72 * kGib);
  EXPECT_EQ(KvCacheBytes(0, 0), 0);
}

}  // namespace
}  // namespace pass
