// Text from a file, fit for a one-line error message: in single quotes, control characters and broken UTF-8
// escaped, cut after 100 bytes.
#pragma once

#include <string>
#include <string_view>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pass {

inline std::string Printable(std::string_view text) {
  constexpr size_t kLimit = 100;
  const bool cut = text.size() > kLimit;
  return absl::StrCat("'", absl::Utf8SafeCEscape({text.data(), cut ? kLimit : text.size()}), cut ? "..." : "",
                      "'");
}

}  // namespace pass
