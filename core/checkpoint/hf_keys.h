// Typed look-ups in one JSON object of a config.json; a null counts as absent, as it does in transformers. Borrows the
// object. Errors are INVALID_ARGUMENT and name the file, the key and the cure. Torch-free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace pass {

class HfKeys {
 public:
  HfKeys(const std::string& path, const nlohmann::json& object) : path_(path), object_(object) {}

  const std::string& path() const { return path_; }
  const nlohmann::json* Find(const char* key) const;
  absl::Status Error(const char* key, const std::string& what) const;

  // A whole number of 0 to 2^31 - 1, which some programs write as 64.0. Absent: `absent`, or an error without one.
  absl::StatusOr<int32_t> Size(const char* key, std::optional<int32_t> absent = {}) const;
  absl::StatusOr<double> Number(const char* key, std::optional<double> absent = {}) const;
  absl::StatusOr<bool> Flag(const char* key, bool absent = false) const;
  absl::StatusOr<std::string> Text(const char* key, std::string_view absent) const;
  // A list with `count` elements or more, of which the first `count` are returned; nullopt: absent.
  absl::StatusOr<std::optional<std::vector<std::string>>> Texts(const char* key, int count) const;
  absl::StatusOr<std::optional<std::vector<int32_t>>> Sizes(const char* key, int count) const;
  // nullopt: absent.
  absl::StatusOr<std::optional<HfKeys>> Object(const char* key) const;

 private:
  absl::Status Missing(const char* key) const;
  absl::Status WrongValue(const char* key, const std::string& wanted, const nlohmann::json& found) const;
  absl::StatusOr<const nlohmann::json*> List(const char* key, int count) const;

  const std::string& path_;
  const nlohmann::json& object_;
};

}  // namespace pass
