// Text that a model or a server wrote, made harmless for a terminal: what would move the cursor, change colours,
// ring or reorder the line is shown as a mark instead.
//
//   ESC and the other C0 controls   ␛ and the other pictures of U+2400; line feed and tab stay as they are
//   DEL                             ␡
//   C1 controls, U+0080 to U+009F   <U+009B>: terminals obey them as they obey ESC
//   marks that reorder text         <U+202E>: U+202A to U+202E and U+2066 to U+2069
//   bytes that are no UTF-8         U+FFFD, one a byte
#pragma once

#include <string>
#include <string_view>

namespace pass {

// Of a text that arrives in chunks, which may end within a character.
class VisibleText {
 public:
  // The visible form of what is whole so far; the begun character at the end waits for the next chunk.
  std::string Add(std::string_view chunk);
  // The visible form of a character that was begun and never ended.
  std::string End();

 private:
  std::string begun_;  // at most 3 bytes
};

// Of a whole text.
std::string Visible(std::string_view text);

}  // namespace pass
