// Which source a draft comes from. If several sources name it, the first of them in this order counts.
#pragma once

#include <array>
#include <cstdint>

namespace pass {

enum class DraftOrigin : uint8_t { kLookahead, kNgram, kSuccessor };
inline constexpr int kNumDraftOrigins = 3;

using CountByOrigin = std::array<int, kNumDraftOrigins>;

}  // namespace pass
