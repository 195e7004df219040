// One step through bytes that should be UTF-8, by the maximal-subpart practice (Unicode, chapter 3, table
// 3-7): what no character can begin with is cut off at the first byte that shows it. Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pass {

enum class Utf8Kind : uint8_t {
  kCharacter,   // `length` bytes are one character
  kInvalid,     // `length` bytes (1 to 3) stand for one U+FFFD
  kIncomplete,  // the bytes end inside a character that may still become valid; `length` is all of them
};

struct Utf8Step {
  Utf8Kind kind;
  size_t length;
};

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// `bytes` is not empty.
Utf8Step NextUtf8(std::string_view bytes);

// The code point of one whole, valid character.
char32_t CodePoint(std::string_view character);

// The length of the longest start of `bytes` that is whole, valid characters.
size_t ValidUtf8Prefix(std::string_view bytes);

// The bytes with U+FFFD for what is no character: valid UTF-8.
std::string ReplaceInvalidUtf8(std::string_view bytes);

}  // namespace pass
