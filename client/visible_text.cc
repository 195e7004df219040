#include "client/visible_text.h"

#include <cstdint>

#include "absl/strings/str_format.h"

namespace pass {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Bytes of the character that `lead` begins; 0 where it begins none.
size_t LengthOf(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead < 0xe0) return 2;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  if (lead >= 0xf0 && lead < 0xf5) return 4;
  return 0;
}

// What may follow a lead byte directly; rules out overlong forms, surrogates and what lies beyond Unicode.
bool MayFollow(uint8_t lead, uint8_t second) {
  const uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  return second >= least && second <= most;
}

enum class Form { kWhole, kBegun, kBroken };

// How `text`, which is not empty, begins; `length`: bytes of its first character, if that is whole.
Form FirstCharacter(std::string_view text, size_t* length) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  *length = LengthOf(byte(0));
  if (*length == 0) return Form::kBroken;
  for (size_t i = 1; i < *length; ++i) {
    if (i == text.size()) return Form::kBegun;
    const bool follows = i == 1 ? MayFollow(byte(0), byte(1)) : (byte(i) & 0xc0) == 0x80;
    if (!follows) return Form::kBroken;
  }
  return Form::kWhole;
}

uint32_t CodePoint(std::string_view character) {
  const auto byte = [character](size_t i) { return static_cast<uint8_t>(character[i]); };
  if (character.size() == 1) return byte(0);
  uint32_t code = byte(0) & (0xffU >> (character.size() + 1));
  for (size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3fU);
  return code;
}

void Append(std::string_view character, std::string* visible) {
  const uint32_t code = CodePoint(character);
  if (code == 0x7f) {
    *visible += "␡";
  } else if (code < 0x20 && code != '\n' && code != '\t') {
    *visible += "\xe2\x90";  // U+2400 to U+241F, the pictures of the controls
    *visible += static_cast<char>(0x80 + code);
  } else if ((code >= 0x80 && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
             (code >= 0x2066 && code <= 0x2069)) {
    *visible += absl::StrFormat("<U+%04X>", code);
  } else {
    *visible += character;
  }
}

}  // namespace

std::string VisibleText::Add(std::string_view chunk) {
  begun_ += chunk;
  std::string visible;
  std::string_view rest = begun_;
  while (!rest.empty()) {
    size_t length = 0;
    const Form form = FirstCharacter(rest, &length);
    if (form == Form::kBegun) break;
    if (form == Form::kBroken) {
      visible += kReplacement;
      length = 1;
    } else {
      Append(rest.substr(0, length), &visible);
    }
    rest.remove_prefix(length);
  }
  begun_ = std::string(rest);
  return visible;
}

std::string VisibleText::End() {
  std::string visible;
  for (size_t i = 0; i < begun_.size(); ++i) visible += kReplacement;
  begun_.clear();
  return visible;
}

std::string Visible(std::string_view text) {
  VisibleText whole;
  std::string visible = whole.Add(text);
  return visible + whole.End();
}

}  // namespace pass
