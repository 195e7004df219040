// A text literal of a Jinja template, with Python's escapes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace pass {

struct StringLiteral {
  std::string text;
  size_t length = 0;  // in the template, quotes included
};

// `rest` begins with the opening quote. INVALID_ARGUMENT: the literal does not end, or names no character.
absl::StatusOr<StringLiteral> ReadStringLiteral(std::string_view rest);

// Appends the UTF-8 of `code_point`.
void AppendUtf8(char32_t code_point, std::string* text);

}  // namespace pass
