#include "core/text/characters.h"

#include <utf8proc.h>

#include "core/base/utf8.h"

namespace pass {
namespace {

// The last character of `text`, or what is left of one.
std::string_view LastCharacter(std::string_view text) {
  size_t length = 1;
  while (length < text.size() && length < 4 &&
         (static_cast<unsigned char>(text[text.size() - length]) & 0xC0) == 0x80) {
    ++length;
  }
  return text.substr(text.size() - length);
}

bool IsWordCharacter(std::string_view character) {
  const Utf8Step step = NextUtf8(character);
  if (step.kind != Utf8Kind::kCharacter) return false;
  const char32_t code_point = CodePoint(character.substr(0, step.length));
  if (code_point == 0x200C || code_point == 0x200D) return true;  // the joiners
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    case UTF8PROC_CATEGORY_SO:  // the circled and squared letters, the only symbols that are alphabetic
      return (code_point >= 0x24B6 && code_point <= 0x24E9) ||
             (code_point >= 0x1F130 && code_point <= 0x1F149) ||
             (code_point >= 0x1F150 && code_point <= 0x1F169) ||
             (code_point >= 0x1F170 && code_point <= 0x1F189);
    default:
      return false;
  }
}

}  // namespace

bool IsWhiteSpace(char32_t code_point) {
  return (code_point >= 0x9 && code_point <= 0xD) || code_point == 0x20 || code_point == 0x85 ||
         code_point == 0xA0 || code_point == 0x1680 || (code_point >= 0x2000 && code_point <= 0x200A) ||
         code_point == 0x2028 || code_point == 0x2029 || code_point == 0x202F || code_point == 0x205F ||
         code_point == 0x3000;
}

size_t LeadingWhiteSpace(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const Utf8Step step = NextUtf8(text.substr(length));
    if (step.kind != Utf8Kind::kCharacter || !IsWhiteSpace(CodePoint(text.substr(length, step.length))))
      break;
    length += step.length;
  }
  return length;
}

size_t TrailingWhiteSpace(std::string_view text) {
  size_t length = 0;
  while (length < text.size()) {
    const std::string_view last = LastCharacter(text.substr(0, text.size() - length));
    const Utf8Step step = NextUtf8(last);
    if (step.kind != Utf8Kind::kCharacter || step.length != last.size() || !IsWhiteSpace(CodePoint(last)))
      break;
    length += last.size();
  }
  return length;
}

bool StartsWithWordCharacter(std::string_view text) { return !text.empty() && IsWordCharacter(text); }

bool EndsWithWordCharacter(std::string_view text) {
  return !text.empty() && IsWordCharacter(LastCharacter(text));
}

}  // namespace pass
