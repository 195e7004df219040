// How much memory keys and values get where nobody said. Torch-free, pure.
#pragma once

#include <cstdint>
#include <optional>

#include "core/model/load.h"

namespace pass {

// The rest is for the buffers of a step, its recordings and their operators' scratch.
inline constexpr double kKvCacheShare = 0.8;

// `asked`: bytes, or 0. `free`: bytes of the device that nothing holds once the weights are loaded; none: it shares the
// machine's memory, which is not the cache's to fill.
constexpr int64_t KvCacheBytes(int64_t asked, std::optional<int64_t> free) {
  if (asked > 0) return asked;
  if (!free.has_value()) return kKvCacheBytesOnCpu;
  return static_cast<int64_t>(kKvCacheShare * static_cast<double>(*free));
}

}  // namespace pass
