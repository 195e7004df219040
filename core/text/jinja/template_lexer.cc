#include "core/text/jinja/template_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/jinja/string_literal.h"

namespace pass {
namespace {

using Kind = TemplateToken::Kind;

constexpr std::array<std::string_view, 28> kOperators = {
    "**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">",
    "=",  "(",  ")",  "[",  "]",  "{",  "}", "|", ",", ".", ":", ";", "@", "!"};

// In one tag, so that the trees that are made of it can be walked by recursion.
constexpr size_t kMaxTokens = 2000;

bool IsNameStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

std::string WithUnixLines(std::string_view text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    result.push_back(text[i] == '\r' ? '\n' : text[i]);
  }
  if (result.ends_with('\n')) result.pop_back();  // Jinja drops one
  return result;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  absl::StatusOr<std::vector<TemplateToken>> Tokenize() {
    while (!rest_.empty()) {
      const size_t tag = FindTag();
      if (tag == std::string_view::npos) {
        AddData(rest_);
        break;
      }
      TakeDataBefore(tag);
      PASS_RETURN_IF_ERROR(TakeTag());
    }
    tokens_.push_back({});
    return std::move(tokens_);
  }

 private:
  void AddData(std::string_view data) {
    if (!data.empty()) tokens_.push_back({Kind::kData, std::string(data)});
  }
  void Add(Kind kind, std::string_view text) { tokens_.push_back({kind, std::string(text)}); }

  size_t FindTag() const {
    for (size_t at = rest_.find('{'); at != std::string_view::npos; at = rest_.find('{', at + 1)) {
      if (at + 1 < rest_.size() && (rest_[at + 1] == '{' || rest_[at + 1] == '%' || rest_[at + 1] == '#'))
        return at;
    }
    return std::string_view::npos;
  }

  // The text up to a tag, less the white space that the tag takes; leaves the tag's signs consumed.
  void TakeDataBefore(size_t tag) {
    std::string_view data = rest_.substr(0, tag);
    tag_ = rest_[tag + 1];
    rest_.remove_prefix(tag + 2);
    if (rest_.starts_with('-')) {
      data = data.substr(0, data.find_last_not_of(" \t\n\v\f\r") + 1);
      rest_.remove_prefix(1);
    } else if (rest_.starts_with('+') && tag_ != '{') {
      rest_.remove_prefix(1);
    } else if (tag_ != '{') {  // lstrip_blocks: the white space of a line that begins with the tag
      const size_t line = data.rfind('\n') + 1;
      const bool begins_line = line > 0 || line_starting_;
      if (begins_line && data.find_first_not_of(" \t\v\f", line) == std::string_view::npos)
        data = data.substr(0, line);
    }
    AddData(data);
  }

  absl::Status TakeTag() {
    if (tag_ == '#') {
      const size_t end = rest_.find("#}");
      if (end == std::string_view::npos) return absl::InvalidArgumentError("a comment does not end");
      const bool strips = end > 0 && rest_[end - 1] == '-';
      const bool keeps = end > 0 && rest_[end - 1] == '+';
      rest_.remove_prefix(end + 2);
      EndTag(strips, !keeps);
      return absl::OkStatus();
    }
    Add(tag_ == '{' ? Kind::kOutputBegin : Kind::kBlockBegin, "");
    const std::string_view close = tag_ == '{' ? "}}" : "%}";
    const size_t first_token = tokens_.size();
    int depth = 0;  // of brackets: "}}" may close dictionaries
    while (!rest_.empty()) {
      if (absl::ascii_isspace(static_cast<unsigned char>(rest_[0]))) {
        rest_.remove_prefix(1);
        continue;
      }
      const bool has_sign = rest_[0] == '-' || rest_[0] == '+';
      if (depth == 0 && (rest_.starts_with(close) || (has_sign && rest_.substr(1).starts_with(close)))) {
        const char sign = has_sign ? rest_[0] : ' ';
        rest_.remove_prefix(has_sign ? 3 : 2);
        Add(tag_ == '{' ? Kind::kOutputEnd : Kind::kBlockEnd, "");
        EndTag(sign == '-', tag_ == '%' && sign != '+');
        return absl::OkStatus();
      }
      PASS_RETURN_IF_ERROR(TakeToken(&depth));
      if (tokens_.size() - first_token > kMaxTokens) return absl::InvalidArgumentError("a tag is too long");
    }
    return absl::InvalidArgumentError("a tag does not end");
  }

  // White space behind a tag: all of it, or (trim_blocks) the end of the line.
  void EndTag(bool strips, bool trims) {
    line_starting_ = false;
    if (strips) {
      const size_t next = std::min(rest_.find_first_not_of(" \t\n\v\f\r"), rest_.size());
      line_starting_ = next > 0 && rest_[next - 1] == '\n';
      rest_.remove_prefix(next);
    } else if (trims && rest_.starts_with('\n')) {
      line_starting_ = true;
      rest_.remove_prefix(1);
    }
  }

  absl::Status TakeToken(int* depth) {
    const char first = rest_[0];
    if (first == '\'' || first == '"') {
      PASS_ASSIGN_OR_RETURN(StringLiteral literal, ReadStringLiteral(rest_));
      tokens_.push_back({Kind::kString, std::move(literal.text)});
      rest_.remove_prefix(literal.length);
      return absl::OkStatus();
    }
    if (IsNameStart(first)) {
      const auto end = std::ranges::find_if(rest_, [](char c) { return !IsNameStart(c) && !IsDigit(c); });
      return Take(Kind::kName, static_cast<size_t>(end - rest_.begin()));
    }
    if (IsDigit(first)) {
      size_t length = std::min(rest_.find_first_not_of("0123456789_"), rest_.size());
      const bool is_float = length + 1 < rest_.size() && rest_[length] == '.' && IsDigit(rest_[length + 1]);
      if (is_float) length = std::min(rest_.find_first_not_of("0123456789", length + 1), rest_.size());
      return Take(is_float ? Kind::kFloat : Kind::kInteger, length);
    }
    const auto found =
        std::ranges::find_if(kOperators, [&](std::string_view op) { return rest_.starts_with(op); });
    if (found == kOperators.end()) {
      return absl::InvalidArgumentError(absl::StrCat("unexpected '", std::string(1, first), "'"));
    }
    if (first == '(' || first == '[' || first == '{') ++*depth;
    if (first == ')' || first == ']' || first == '}') --*depth;
    return Take(Kind::kOperator, found->size());
  }

  absl::Status Take(Kind kind, size_t length) {
    Add(kind, rest_.substr(0, length));
    rest_.remove_prefix(length);
    return absl::OkStatus();
  }

  std::string_view rest_;
  char tag_ = '{';
  bool line_starting_ = true;  // whether rest_ begins a line
  std::vector<TemplateToken> tokens_;
};

}  // namespace

absl::StatusOr<std::vector<TemplateToken>> TokenizeTemplate(std::string_view text) {
  const std::string source = WithUnixLines(text);
  return Lexer(source).Tokenize();
}

}  // namespace pass
