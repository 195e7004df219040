// Look-ups in JSON that nobody vouches for: what is not there, or is of another type, is a null value, the fallback
// or an empty text.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace pass {

using Json = nlohmann::json;

inline const Json& Member(const Json& object, const char* key) {
  static const Json* const kNull = new Json();
  if (!object.is_object()) return *kNull;
  const auto found = object.find(key);
  return found == object.end() ? *kNull : *found;
}

inline bool Flag(const Json& object, const char* key, bool fallback) {
  const Json& value = Member(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

inline std::string Text(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

inline absl::Status RefuseKey(const std::string& path, std::string_view key, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(key), ": ", std::string(why)));
}

}  // namespace pass
