// Text that repeats itself, which is easy to draft and must not flatter a measurement.
#pragma once

#include <span>

#include "core/base/token_id.h"

namespace pass {

// A continuation repeats itself: fewer than 60 % of its 4-grams are distinct. Under 4 tokens: false. Any thread.
bool IsLooping(std::span<const TokenId> ids);

}  // namespace pass
