// Text with a note, byte by byte, of who wrote it: the server (a chat template's own words) or a user. Only the
// server's words may spell control tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace pass {

struct MarkedText {
  static constexpr char kServer = 'S';
  static constexpr char kUser = 'U';

  std::string text;
  std::string marks;  // one mark for each byte of `text`

  static MarkedText Server(std::string_view text) {
    return {std::string(text), std::string(text.size(), kServer)};
  }
  static MarkedText User(std::string_view text) {
    return {std::string(text), std::string(text.size(), kUser)};
  }

  void Append(const MarkedText& other) {
    text += other.text;
    marks += other.marks;
  }
  MarkedText Slice(size_t begin, size_t length) const {
    return {text.substr(begin, length), marks.substr(begin, length)};
  }
  bool operator==(const MarkedText&) const = default;
};

// Who wrote the bytes of a text: one hand all of it, or by `marks`. Borrows.
class Authorship {
 public:
  explicit Authorship(bool server_wrote_all) : server_wrote_all_(server_wrote_all) {}
  explicit Authorship(std::string_view marks) : marks_(marks) {}

  bool by_bytes() const { return !marks_.empty(); }
  std::string_view marks() const { return marks_; }
  bool ServerWrote(size_t begin, size_t length) const {
    if (!by_bytes()) return server_wrote_all_;
    const std::string_view range = marks_.substr(begin, length);
    return std::ranges::find(range, MarkedText::kUser) == range.end();
  }
  Authorship Slice(size_t begin, size_t length) const {
    return by_bytes() ? Authorship(marks_.substr(begin, length)) : *this;
  }

 private:
  bool server_wrote_all_ = false;
  std::string_view marks_;
};

}  // namespace pass
