// The file that --config names: one "key = value" a line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace pass {

struct ConfigLine {
  int number = 0;  // from 1
  std::string key;
  std::string value;
};

// Lines are empty, a comment (# or ;), or "key = value" with a comment after it where one is wanted. A value
// that holds " #" or spaces at its ends stands in quotes, single or double, in which every character means
// itself. `path` is for errors alone. INVALID_ARGUMENT: the first line that is none of these, with the cure;
// YAML, JSON and sections are called by their names.
absl::StatusOr<std::vector<ConfigLine>> ParseConfigFile(std::string_view path, std::string_view text);

// Reads the file first. NOT_FOUND: it is not there or cannot be read.
absl::StatusOr<std::vector<ConfigLine>> ReadConfigFile(const std::string& path);

}  // namespace pass
