// JSON from files that nobody vouches for: what nlohmann::json accepts, less duplicate keys (of which readers
// take different ones) and deep nesting.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace pass {

// `path` is what errors name. INVALID_ARGUMENT: not JSON, a duplicate key (named), a value that is Python's NaN or
// Infinity (its key is named), or deeper than 32 levels.
absl::StatusOr<nlohmann::json> ParseJson(const std::string& path, std::string_view text);

// Maps, bounds and parses a file whose top is an object. INVALID_ARGUMENT also if it is longer than
// `max_bytes`.
absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path, uint64_t max_bytes);

}  // namespace pass
