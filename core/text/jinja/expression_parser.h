// Jinja's grammar of expressions, by recursive descent.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/jinja/template_lexer.h"
#include "core/text/jinja/template_syntax.h"

namespace pass {

// Reads tokens one after the other; the parser of statements has the same one.
class TemplateTokenReader {
 public:
  explicit TemplateTokenReader(std::vector<TemplateToken> tokens) : tokens_(std::move(tokens)) {}

  const TemplateToken& Peek(size_t ahead = 0) const {
    return tokens_[std::min(next_ + ahead, tokens_.size() - 1)];
  }
  TemplateToken Take() { return tokens_[next_ + 1 < tokens_.size() ? next_++ : next_]; }
  bool PeekOperator(std::string_view text) const { return Peek().Is(TemplateToken::Kind::kOperator, text); }
  bool PeekName(std::string_view text) const { return Peek().Is(TemplateToken::Kind::kName, text); }
  // Takes the token if it is there.
  bool SkipOperator(std::string_view text);
  bool SkipName(std::string_view text);
  // INVALID_ARGUMENT: another token is there.
  absl::Status ExpectOperator(std::string_view text);
  absl::Status Expect(TemplateToken::Kind kind);
  absl::StatusOr<std::string> ExpectName();
  absl::Status Unexpected() const;

 private:
  std::vector<TemplateToken> tokens_;
  size_t next_ = 0;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TemplateTokenReader* reader) : reader_(reader) {}  // borrowed

  using Result = absl::StatusOr<TemplateExpression>;
  // An expression; where `allow_tuple`, several with commas between them are a list. With `allow_if` false a
  // conditional expression ends before its "if", which in `for` is a filter.
  Result Parse(bool allow_tuple, bool allow_if = true);

 private:
  using Parser = Result (ExpressionParser::*)();
  using Operators = std::initializer_list<std::string_view>;
  // operand {operator operand}, grouped from the left.
  Result ParseLeftToRight(Parser operand, Operators operators, TemplateExpression::Kind kind);
  Result ParseConditional(bool allow_if);
  Result ParseOr();
  Result ParseAnd();
  Result ParseNot();
  Result ParseCompare();
  Result ParseSum();
  Result ParseConcatenation();
  Result ParseProduct();
  Result ParseFiltered() { return ParseUnary(/*with_filters=*/true); }
  Result ParseUnary(bool with_filters);
  Result ParsePrimary();
  Result ParseList(std::string_view close);
  Result ParseDict();
  Result ParsePostfix(TemplateExpression expression);
  Result ParseCall(TemplateExpression callee);
  Result ParseSubscript(TemplateExpression expression);
  Result ParseFilters(TemplateExpression expression);
  Result ParseTest(TemplateExpression expression);
  absl::Status ParseArguments(TemplateExpression* call);

  TemplateTokenReader* reader_;
  int depth_ = 0;  // of nested expressions, bounded
};

}  // namespace pass
