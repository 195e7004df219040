// From Oniguruma's reading of an expression to PCRE2's.
#include <cctype>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/regular_expression.h"

namespace pass {
namespace {

// Unicode's White_Space, for use inside a class.
constexpr std::string_view kWhiteSpace =
    R"(\x{9}-\x{d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

class Translator {
 public:
  explicit Translator(std::string_view expression) : rest_(expression), whole_(expression) {}

  absl::StatusOr<std::string> Translate() {
    while (!rest_.empty()) PASS_RETURN_IF_ERROR(TranslateNext());
    if (in_class_) return Refuse("a class that does not end");
    return std::move(out_);
  }

 private:
  absl::Status Refuse(std::string_view construct) const {
    return absl::InvalidArgumentError(absl::StrCat("the expression '", std::string(whole_), "' has ",
                                                   std::string(construct), ", which is not supported"));
  }

  // Moves `length` bytes as they are.
  void Copy(size_t length) {
    out_.append(rest_.substr(0, length));
    rest_.remove_prefix(std::min(length, rest_.size()));
  }

  absl::Status TranslateNext() {
    const char next = rest_[0];
    if (next == '\\') return TranslateEscape();
    if (in_class_) return TranslateInClass(next);
    switch (next) {
      case '[':
        in_class_ = true;
        Copy(rest_.starts_with("[^") ? 2 : 1);
        return absl::OkStatus();
      case '(':
        return TranslateGroup();
      case '{':
        return TranslateCount();
      case '^':
      case '$':
      case '.':
        return Refuse(absl::StrCat("'", std::string(1, next), "'"));  // their meaning depends on line ends
      default:
        Copy(1);
        return absl::OkStatus();
    }
  }

  absl::Status TranslateInClass(char next) {
    if (next == '[') return Refuse("a class inside a class");
    if (rest_.starts_with("&&")) return Refuse("an intersection of classes");
    if (next == ']') in_class_ = false;
    Copy(1);
    return absl::OkStatus();
  }

  absl::Status TranslateGroup() {
    for (const std::string_view opening : {"(?:", "(?i:", "(?!", "(?=", "(?<!", "(?<="}) {
      if (!rest_.starts_with(opening)) continue;
      Copy(opening.size());
      return absl::OkStatus();
    }
    if (rest_.starts_with("(?")) return Refuse(absl::StrCat("'", std::string(rest_.substr(0, 3)), "'"));
    Copy(1);
    return absl::OkStatus();
  }

  // {n}, {n,}, {n,m}; a + behind it repeats the repetition in one engine and makes it possessive in the other.
  absl::Status TranslateCount() {
    const size_t end = rest_.find('}');
    if (end == std::string_view::npos ||
        rest_.substr(1, end - 1).find_first_not_of("0123456789,") != std::string_view::npos || end == 1 ||
        rest_[1] == ',') {
      return Refuse("'{'");
    }
    Copy(end + 1);
    if (rest_.starts_with('+')) return Refuse("'}+'");
    return absl::OkStatus();
  }

  absl::Status TranslateEscape() {
    if (rest_.size() < 2) return Refuse("'\\' at its end");
    const char kind = rest_[1];
    if (kind == 's' || kind == 'S') {
      if (in_class_ && kind == 'S') return Refuse("'\\S' in a class");
      rest_.remove_prefix(2);
      absl::StrAppend(&out_,
                      in_class_     ? ""
                      : kind == 's' ? "["
                                    : "[^",
                      std::string(kWhiteSpace), in_class_ ? "" : "]");
      return absl::OkStatus();
    }
    if (kind == 'p' || kind == 'P') {
      const size_t end = rest_.find('}');
      if (rest_.size() < 3 || rest_[2] != '{' || end == std::string_view::npos)
        return Refuse("'\\p' without braces");
      Copy(end + 1);
      return absl::OkStatus();
    }
    const bool known = kind == 'r' || kind == 'n' || kind == 't' || kind == 'd' ||
                       std::ispunct(static_cast<unsigned char>(kind)) != 0 || kind == ' ';
    if (!known) return Refuse(absl::StrCat("'\\", std::string(1, kind), "'"));
    Copy(2);
    return absl::OkStatus();
  }

  std::string_view rest_;
  const std::string_view whole_;
  std::string out_;
  bool in_class_ = false;
};

}  // namespace

absl::StatusOr<std::string> TranslateExpression(std::string_view expression) {
  return Translator(expression).Translate();
}

}  // namespace pass
