// Which source a draft comes from; of several the first in this order.
#pragma once

#include <array>
#include <cstdint>

namespace pass {

enum class DraftOrigin : uint8_t { kLookahead, kNgram, kSuccessor };
inline constexpr int kNumDraftOrigins = 3;

using CountByOrigin = std::array<int, kNumDraftOrigins>;

}  // namespace pass
