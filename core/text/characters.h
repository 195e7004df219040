// Questions about single characters, with Unicode's answers. Stateless and thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace pass {

// Unicode's White_Space.
bool IsWhiteSpace(char32_t code_point);

// How many bytes of white space `text` begins or ends with.
size_t LeadingWhiteSpace(std::string_view text);
size_t TrailingWhiteSpace(std::string_view text);

// Whether a letter, mark, decimal digit, connector or joiner stands at that end of `text`: \w of regular
// expressions by Unicode's technical standard 18. False for an empty text and for bytes that are no character.
bool StartsWithWordCharacter(std::string_view text);
bool EndsWithWordCharacter(std::string_view text);

}  // namespace pass
