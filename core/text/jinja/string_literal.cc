#include "core/text/jinja/string_literal.h"

#include <charconv>

#include "absl/status/status.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

// How many hexadecimal digits an escape has; 0: it is none of a character's number.
size_t NumHexDigits(char kind) { return kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0; }

}  // namespace

void AppendUtf8(char32_t code_point, std::string* text) {
  const auto put = [text](char32_t byte) { text->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

absl::StatusOr<StringLiteral> ReadStringLiteral(std::string_view rest) {
  StringLiteral literal;
  const char quote = rest[0];
  size_t i = 1;
  while (i < rest.size() && rest[i] != quote) {
    if (rest[i] != '\\' || i + 1 == rest.size()) {
      literal.text.push_back(rest[i++]);
      continue;
    }
    const char kind = rest[i + 1];
    const size_t digits = NumHexDigits(kind);
    if (digits > 0) {
      uint32_t code_point = 0;
      const std::string_view number = rest.substr(i + 2, digits);
      const auto parsed = std::from_chars(number.data(), number.data() + number.size(), code_point, 16);
      const bool surrogate = code_point >= 0xD800 && code_point < 0xE000;
      if (number.size() != digits || parsed.ptr != number.data() + digits || code_point > 0x10FFFF ||
          surrogate) {
        return absl::InvalidArgumentError("a text literal has an escape that names no character");
      }
      AppendUtf8(code_point, &literal.text);
      i += 2 + digits;
      continue;
    }
    constexpr std::string_view kKinds = "ntr\\'\"abfv\n";
    constexpr std::string_view kMeanings = "\n\t\r\\'\"\a\b\f\v";
    const size_t known = kKinds.find(kind);
    if (known == std::string_view::npos) literal.text.append({'\\', kind});
    if (known < kMeanings.size()) literal.text.push_back(kMeanings[known]);  // an escaped line end is nothing
    i += 2;
  }
  if (i >= rest.size()) return absl::InvalidArgumentError("a text literal does not end");
  literal.length = i + 1;
  return literal;
}

}  // namespace pass
