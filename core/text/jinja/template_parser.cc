#include "core/text/jinja/template_parser.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/jinja/expression_parser.h"
#include "core/text/jinja/template_lexer.h"

namespace pass {
namespace {

using Kind = TemplateStatement::Kind;
using Lexeme = TemplateToken::Kind;
using Body = std::vector<TemplateStatement>;

constexpr int kMaxDepth = 50;

class TemplateParser {
 public:
  explicit TemplateParser(std::vector<TemplateToken> tokens) : reader_(std::move(tokens)) {}

  absl::StatusOr<Body> Parse() {
    PASS_ASSIGN_OR_RETURN(Body body, ParseBody({}));
    if (reader_.Peek().kind != Lexeme::kEnd) return reader_.Unexpected();
    return body;
  }

 private:
  using Result = absl::StatusOr<TemplateStatement>;

  // Statements up to a block of one of these names, which stays (its name is the next token), or to the end.
  absl::StatusOr<Body> ParseBody(std::initializer_list<std::string_view> ends) {
    if (++depth_ > kMaxDepth) return absl::InvalidArgumentError("blocks are nested too deeply");
    Body body;
    while (reader_.Peek().kind != Lexeme::kEnd) {
      const TemplateToken token = reader_.Take();
      if (token.kind == Lexeme::kData) {
        body.push_back({.kind = Kind::kData, .names = {token.text}});
      } else if (token.kind == Lexeme::kOutputBegin) {
        PASS_ASSIGN_OR_RETURN(TemplateExpression value,
                              ExpressionParser(&reader_).Parse(/*allow_tuple=*/true));
        PASS_RETURN_IF_ERROR(reader_.Expect(Lexeme::kOutputEnd));
        body.push_back({.kind = Kind::kOutput, .expressions = {std::move(value)}});
      } else {
        if (std::ranges::find(ends, reader_.Peek().text) != ends.end()) {
          --depth_;
          return body;
        }
        PASS_ASSIGN_OR_RETURN(TemplateStatement statement, ParseBlock());
        body.push_back(std::move(statement));
      }
    }
    if (ends.size() > 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", std::string(*ends.begin()), "' is missing"));
    }
    --depth_;
    return body;
  }

  absl::Status EndBlock() { return reader_.Expect(Lexeme::kBlockEnd); }

  // {% name %} with nothing more in it.
  absl::Status TakeEnd(std::string_view name) {
    if (!reader_.SkipName(name)) return reader_.Unexpected();
    return EndBlock();
  }

  Result ParseBlock() {
    PASS_ASSIGN_OR_RETURN(const std::string name, reader_.ExpectName());
    if (name == "if") return ParseIf();
    if (name == "for") return ParseFor();
    if (name == "set") return ParseSet();
    if (name == "macro") return ParseMacro();
    if (name == "generation") return ParseGeneration();
    if (name == "break" || name == "continue") {
      PASS_RETURN_IF_ERROR(EndBlock());
      return TemplateStatement{.kind = name == "break" ? Kind::kBreak : Kind::kContinue};
    }
    return UnsupportedInTemplate(absl::StrCat("has the block '", name, "'"));
  }

  Result ParseIf() {
    TemplateStatement statement{.kind = Kind::kIf};
    while (true) {
      PASS_ASSIGN_OR_RETURN(TemplateExpression condition,
                            ExpressionParser(&reader_).Parse(/*allow_tuple=*/false));
      PASS_RETURN_IF_ERROR(EndBlock());
      statement.expressions.push_back(std::move(condition));
      PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endif", "elif", "else"}));
      statement.bodies.push_back(std::move(body));
      if (!reader_.SkipName("elif")) break;
    }
    if (reader_.SkipName("else")) {
      PASS_RETURN_IF_ERROR(EndBlock());
      PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endif"}));
      statement.bodies.push_back(std::move(body));
    }
    PASS_RETURN_IF_ERROR(TakeEnd("endif"));
    return statement;
  }

  Result ParseFor() {
    TemplateStatement statement{.kind = Kind::kFor};
    do {
      PASS_ASSIGN_OR_RETURN(std::string name, reader_.ExpectName());
      statement.names.push_back(std::move(name));
    } while (reader_.SkipOperator(","));
    if (!reader_.SkipName("in")) return reader_.Unexpected();
    PASS_ASSIGN_OR_RETURN(TemplateExpression iterable,
                          ExpressionParser(&reader_).Parse(/*allow_tuple=*/true, /*allow_if=*/false));
    statement.expressions.push_back(std::move(iterable));
    if (reader_.SkipName("if")) {
      PASS_ASSIGN_OR_RETURN(TemplateExpression condition,
                            ExpressionParser(&reader_).Parse(/*allow_tuple=*/false));
      statement.expressions.push_back(std::move(condition));
    }
    if (reader_.PeekName("recursive")) return UnsupportedInTemplate("has a recursive loop");
    PASS_RETURN_IF_ERROR(EndBlock());
    PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endfor", "else"}));
    statement.bodies.push_back(std::move(body));
    if (reader_.SkipName("else")) {
      PASS_RETURN_IF_ERROR(EndBlock());
      PASS_ASSIGN_OR_RETURN(Body otherwise, ParseBody({"endfor"}));
      statement.bodies.push_back(std::move(otherwise));
    }
    PASS_RETURN_IF_ERROR(TakeEnd("endfor"));
    return statement;
  }

  Result ParseSet() {
    TemplateStatement statement{.kind = Kind::kSet};
    PASS_ASSIGN_OR_RETURN(std::string name, reader_.ExpectName());
    statement.names.push_back(std::move(name));
    if (reader_.SkipOperator(".")) {
      statement.kind = Kind::kSetMember;
      PASS_ASSIGN_OR_RETURN(std::string member, reader_.ExpectName());
      statement.names.push_back(std::move(member));
    }
    while (statement.kind == Kind::kSet && reader_.SkipOperator(",")) {
      PASS_ASSIGN_OR_RETURN(std::string more, reader_.ExpectName());
      statement.names.push_back(std::move(more));
    }
    if (reader_.SkipOperator("=")) {
      PASS_ASSIGN_OR_RETURN(TemplateExpression value, ExpressionParser(&reader_).Parse(/*allow_tuple=*/true));
      statement.expressions.push_back(std::move(value));
      PASS_RETURN_IF_ERROR(EndBlock());
      return statement;
    }
    if (statement.kind != Kind::kSet || statement.names.size() > 1) return reader_.Unexpected();
    statement.kind = Kind::kSetBlock;
    PASS_RETURN_IF_ERROR(EndBlock());
    PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endset"}));
    statement.bodies.push_back(std::move(body));
    PASS_RETURN_IF_ERROR(TakeEnd("endset"));
    return statement;
  }

  Result ParseMacro() {
    TemplateStatement statement{.kind = Kind::kMacro};
    PASS_ASSIGN_OR_RETURN(std::string name, reader_.ExpectName());
    statement.names.push_back(std::move(name));
    PASS_RETURN_IF_ERROR(reader_.ExpectOperator("("));
    while (!reader_.SkipOperator(")")) {
      PASS_ASSIGN_OR_RETURN(std::string parameter, reader_.ExpectName());
      statement.names.push_back(std::move(parameter));
      if (reader_.SkipOperator("=")) {
        PASS_ASSIGN_OR_RETURN(TemplateExpression value,
                              ExpressionParser(&reader_).Parse(/*allow_tuple=*/false));
        statement.expressions.push_back(std::move(value));
      }
      if (!reader_.PeekOperator(")")) PASS_RETURN_IF_ERROR(reader_.ExpectOperator(","));
    }
    PASS_RETURN_IF_ERROR(EndBlock());
    PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endmacro"}));
    statement.bodies.push_back(std::move(body));
    PASS_RETURN_IF_ERROR(TakeEnd("endmacro"));
    return statement;
  }

  // What `transformers` marks as the assistant's words in training; in a prompt it changes nothing.
  Result ParseGeneration() {
    PASS_RETURN_IF_ERROR(EndBlock());
    TemplateStatement statement{.kind = Kind::kBody};
    PASS_ASSIGN_OR_RETURN(Body body, ParseBody({"endgeneration"}));
    statement.bodies.push_back(std::move(body));
    PASS_RETURN_IF_ERROR(TakeEnd("endgeneration"));
    return statement;
  }

  TemplateTokenReader reader_;
  int depth_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<TemplateStatement>> ParseTemplate(std::string_view text) {
  PASS_ASSIGN_OR_RETURN(std::vector<TemplateToken> tokens, TokenizeTemplate(text));
  return TemplateParser(std::move(tokens)).Parse();
}

}  // namespace pass
