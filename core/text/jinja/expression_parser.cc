#include "core/text/jinja/expression_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

using Kind = TemplateExpression::Kind;
using Lexeme = TemplateToken::Kind;

constexpr int kMaxDepth = 100;

TemplateExpression Make(Kind kind, std::string name, std::vector<TemplateExpression> args) {
  return {.kind = kind, .name = std::move(name), .args = std::move(args)};
}

TemplateExpression Literal(TemplateValue value) {
  return {.kind = Kind::kLiteral, .literal = std::move(value)};
}

}  // namespace

bool TemplateTokenReader::SkipOperator(std::string_view text) {
  if (!PeekOperator(text)) return false;
  Take();
  return true;
}

bool TemplateTokenReader::SkipName(std::string_view text) {
  if (!PeekName(text)) return false;
  Take();
  return true;
}

absl::Status TemplateTokenReader::ExpectOperator(std::string_view text) {
  return SkipOperator(text) ? absl::OkStatus() : Unexpected();
}

absl::Status TemplateTokenReader::Expect(TemplateToken::Kind kind) {
  if (Peek().kind != kind) return Unexpected();
  Take();
  return absl::OkStatus();
}

absl::StatusOr<std::string> TemplateTokenReader::ExpectName() {
  if (Peek().kind != Lexeme::kName) return Unexpected();
  return Take().text;
}

absl::Status TemplateTokenReader::Unexpected() const {
  return absl::InvalidArgumentError(Peek().text.empty()
                                        ? std::string("a tag ends where more of it is expected")
                                        : absl::StrCat("unexpected '", Peek().text, "'"));
}

ExpressionParser::Result ExpressionParser::Parse(bool allow_tuple, bool allow_if) {
  if (++depth_ > kMaxDepth) return absl::InvalidArgumentError("expressions are nested too deeply");
  PASS_ASSIGN_OR_RETURN(TemplateExpression first, ParseConditional(allow_if));
  if (allow_tuple && reader_->PeekOperator(",")) {
    TemplateExpression list = Make(Kind::kList, "", {});
    list.args.push_back(std::move(first));
    while (reader_->SkipOperator(",")) {
      const Lexeme next = reader_->Peek().kind;
      if (next == Lexeme::kBlockEnd || next == Lexeme::kOutputEnd || reader_->PeekOperator(")")) break;
      PASS_ASSIGN_OR_RETURN(TemplateExpression more, ParseConditional(allow_if));
      list.args.push_back(std::move(more));
    }
    first = std::move(list);
  }
  --depth_;
  return first;
}

ExpressionParser::Result ExpressionParser::ParseConditional(bool allow_if) {
  PASS_ASSIGN_OR_RETURN(TemplateExpression value, ParseOr());
  while (allow_if && reader_->SkipName("if")) {
    PASS_ASSIGN_OR_RETURN(TemplateExpression condition, ParseOr());
    TemplateExpression conditional = Make(Kind::kConditional, "", {});
    conditional.args.push_back(std::move(condition));
    conditional.args.push_back(std::move(value));
    if (reader_->SkipName("else")) {
      PASS_ASSIGN_OR_RETURN(TemplateExpression other, ParseConditional(/*allow_if=*/true));
      conditional.args.push_back(std::move(other));
    }
    value = std::move(conditional);
  }
  return value;
}

ExpressionParser::Result ExpressionParser::ParseLeftToRight(Parser operand, Operators operators, Kind kind) {
  PASS_ASSIGN_OR_RETURN(TemplateExpression left, (this->*operand)());
  while (true) {
    const TemplateToken& next = reader_->Peek();
    const bool may_be_operator = next.kind == Lexeme::kOperator || next.kind == Lexeme::kName;
    if (!may_be_operator || std::ranges::find(operators, next.text) == operators.end()) return left;
    const std::string name = reader_->Take().text;
    PASS_ASSIGN_OR_RETURN(TemplateExpression right, (this->*operand)());
    left = Make(kind, name, {std::move(left), std::move(right)});
  }
}

ExpressionParser::Result ExpressionParser::ParseOr() {
  return ParseLeftToRight(&ExpressionParser::ParseAnd, {"or"}, Kind::kOr);
}

ExpressionParser::Result ExpressionParser::ParseAnd() {
  return ParseLeftToRight(&ExpressionParser::ParseNot, {"and"}, Kind::kAnd);
}

ExpressionParser::Result ExpressionParser::ParseNot() {
  if (!reader_->SkipName("not")) return ParseCompare();
  if (++depth_ > kMaxDepth) return absl::InvalidArgumentError("expressions are nested too deeply");
  PASS_ASSIGN_OR_RETURN(TemplateExpression operand, ParseNot());
  --depth_;
  return Make(Kind::kNot, "", {std::move(operand)});
}

ExpressionParser::Result ExpressionParser::ParseCompare() {
  constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
  PASS_ASSIGN_OR_RETURN(TemplateExpression left, ParseSum());
  bool compared = false;
  while (true) {
    std::string name;
    bool negated = false;
    if (reader_->Peek().kind == Lexeme::kOperator &&
        std::ranges::find(kComparisons, reader_->Peek().text) != kComparisons.end()) {
      name = reader_->Take().text;
    } else if (reader_->SkipName("in")) {
      name = "in";
    } else if (reader_->PeekName("not") && reader_->Peek(1).Is(Lexeme::kName, "in")) {
      reader_->Take();
      name = reader_->Take().text;
      negated = true;
    } else {
      return left;
    }
    if (compared) return UnsupportedInTemplate("compares more than two values at once");
    compared = true;
    PASS_ASSIGN_OR_RETURN(TemplateExpression right, ParseSum());
    left = Make(Kind::kCompare, name, {std::move(left), std::move(right)});
    if (negated) left = Make(Kind::kNot, "", {std::move(left)});
  }
}

ExpressionParser::Result ExpressionParser::ParseSum() {
  return ParseLeftToRight(&ExpressionParser::ParseConcatenation, {"+", "-"}, Kind::kBinary);
}

ExpressionParser::Result ExpressionParser::ParseConcatenation() {
  return ParseLeftToRight(&ExpressionParser::ParseProduct, {"~"}, Kind::kBinary);
}

ExpressionParser::Result ExpressionParser::ParseProduct() {
  PASS_ASSIGN_OR_RETURN(TemplateExpression product, ParseLeftToRight(&ExpressionParser::ParseFiltered,
                                                                     {"*", "/", "//", "%"}, Kind::kBinary));
  if (reader_->PeekOperator("**")) return UnsupportedInTemplate("has the operator '**'");
  return product;
}

ExpressionParser::Result ExpressionParser::ParseUnary(bool with_filters) {
  if (++depth_ > kMaxDepth) return absl::InvalidArgumentError("expressions are nested too deeply");
  TemplateExpression expression;
  if (reader_->SkipOperator("-")) {
    PASS_ASSIGN_OR_RETURN(TemplateExpression operand, ParseUnary(/*with_filters=*/false));
    expression = Make(Kind::kNegative, "", {std::move(operand)});
  } else {
    PASS_ASSIGN_OR_RETURN(TemplateExpression primary, ParsePrimary());
    PASS_ASSIGN_OR_RETURN(expression, ParsePostfix(std::move(primary)));
  }
  --depth_;
  return with_filters ? ParseFilters(std::move(expression)) : std::move(expression);
}

ExpressionParser::Result ExpressionParser::ParsePrimary() {
  const TemplateToken token = reader_->Peek();
  switch (token.kind) {
    case Lexeme::kName:
      reader_->Take();
      if (token.text == "true" || token.text == "True") return Literal(TemplateValue(true));
      if (token.text == "false" || token.text == "False") return Literal(TemplateValue(false));
      if (token.text == "none" || token.text == "None") return Literal(TemplateValue());
      return Make(Kind::kName, token.text, {});
    case Lexeme::kString: {
      std::string text;
      while (reader_->Peek().kind == Lexeme::kString) text += reader_->Take().text;
      return Literal(TemplateValue::ServerText(text));
    }
    case Lexeme::kInteger: {
      reader_->Take();
      std::string digits = token.text;
      std::erase(digits, '_');
      int64_t value = 0;
      const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (parsed.ec != std::errc()) return UnsupportedInTemplate(absl::StrCat("has the number ", token.text));
      return Literal(TemplateValue(value));
    }
    case Lexeme::kFloat:
      reader_->Take();
      return Literal(TemplateValue(std::strtod(token.text.c_str(), nullptr)));
    default:
      break;
  }
  if (reader_->SkipOperator("(")) {
    if (reader_->SkipOperator(")")) return Make(Kind::kList, "", {});
    PASS_ASSIGN_OR_RETURN(TemplateExpression inner, Parse(/*allow_tuple=*/true));
    PASS_RETURN_IF_ERROR(reader_->ExpectOperator(")"));
    return inner;
  }
  if (reader_->SkipOperator("[")) return ParseList("]");
  if (reader_->SkipOperator("{")) return ParseDict();
  return reader_->Unexpected();
}

ExpressionParser::Result ExpressionParser::ParseList(std::string_view close) {
  TemplateExpression list = Make(Kind::kList, "", {});
  while (!reader_->SkipOperator(close)) {
    PASS_ASSIGN_OR_RETURN(TemplateExpression item, Parse(/*allow_tuple=*/false));
    list.args.push_back(std::move(item));
    if (!reader_->PeekOperator(close)) PASS_RETURN_IF_ERROR(reader_->ExpectOperator(","));
  }
  return list;
}

ExpressionParser::Result ExpressionParser::ParseDict() {
  TemplateExpression dict = Make(Kind::kDict, "", {});
  while (!reader_->SkipOperator("}")) {
    PASS_ASSIGN_OR_RETURN(TemplateExpression key, Parse(/*allow_tuple=*/false));
    PASS_RETURN_IF_ERROR(reader_->ExpectOperator(":"));
    PASS_ASSIGN_OR_RETURN(TemplateExpression value, Parse(/*allow_tuple=*/false));
    dict.args.push_back(std::move(key));
    dict.args.push_back(std::move(value));
    if (!reader_->PeekOperator("}")) PASS_RETURN_IF_ERROR(reader_->ExpectOperator(","));
  }
  return dict;
}

ExpressionParser::Result ExpressionParser::ParsePostfix(TemplateExpression expression) {
  while (true) {
    if (reader_->SkipOperator(".")) {
      const TemplateToken token = reader_->Take();
      if (token.kind == Lexeme::kInteger) return UnsupportedInTemplate("has a number for an attribute");
      if (token.kind != Lexeme::kName) return reader_->Unexpected();
      expression = Make(Kind::kAttribute, token.text, {std::move(expression)});
    } else if (reader_->SkipOperator("[")) {
      PASS_ASSIGN_OR_RETURN(expression, ParseSubscript(std::move(expression)));
    } else if (reader_->PeekOperator("(")) {
      PASS_ASSIGN_OR_RETURN(expression, ParseCall(std::move(expression)));
    } else {
      return expression;
    }
  }
}

ExpressionParser::Result ExpressionParser::ParseCall(TemplateExpression callee) {
  TemplateExpression call = Make(Kind::kCall, "", {std::move(callee)});
  PASS_RETURN_IF_ERROR(ParseArguments(&call));
  return call;
}

ExpressionParser::Result ExpressionParser::ParseSubscript(TemplateExpression expression) {
  std::vector<TemplateExpression> parts(3, Literal(TemplateValue()));
  size_t part = 0;
  while (!reader_->SkipOperator("]")) {
    if (reader_->SkipOperator(":")) {
      if (++part > 2) return reader_->Unexpected();
      continue;
    }
    PASS_ASSIGN_OR_RETURN(parts[part], Parse(/*allow_tuple=*/false));
    if (!reader_->PeekOperator("]") && !reader_->PeekOperator(":")) return reader_->Unexpected();
  }
  if (part == 0) return Make(Kind::kItem, "", {std::move(expression), std::move(parts[0])});
  parts.insert(parts.begin(), std::move(expression));
  return Make(Kind::kSlice, "", std::move(parts));
}

ExpressionParser::Result ExpressionParser::ParseFilters(TemplateExpression expression) {
  while (true) {
    if (reader_->SkipOperator("|")) {
      PASS_ASSIGN_OR_RETURN(std::string name, reader_->ExpectName());
      TemplateExpression filter = Make(Kind::kFilter, std::move(name), {std::move(expression)});
      if (reader_->PeekOperator("(")) PASS_RETURN_IF_ERROR(ParseArguments(&filter));
      expression = std::move(filter);
    } else if (reader_->SkipName("is")) {
      PASS_ASSIGN_OR_RETURN(expression, ParseTest(std::move(expression)));
    } else if (reader_->PeekOperator("(")) {
      PASS_ASSIGN_OR_RETURN(expression, ParseCall(std::move(expression)));
    } else {
      return expression;
    }
  }
}

ExpressionParser::Result ExpressionParser::ParseTest(TemplateExpression expression) {
  constexpr std::array<std::string_view, 7> kNoArguments = {"else", "or", "and", "if", "is", "not", "in"};
  const bool negated = reader_->SkipName("not");
  const TemplateToken name = reader_->Take();
  if (name.kind != Lexeme::kName && !name.Is(Lexeme::kOperator, "==")) return reader_->Unexpected();
  TemplateExpression test = Make(Kind::kTest, name.text, {std::move(expression)});
  const TemplateToken& next = reader_->Peek();
  if (reader_->PeekOperator("(")) {
    PASS_RETURN_IF_ERROR(ParseArguments(&test));
  } else if (next.kind == Lexeme::kString || next.kind == Lexeme::kInteger || next.kind == Lexeme::kFloat ||
             reader_->PeekOperator("[") || reader_->PeekOperator("{") ||
             (next.kind == Lexeme::kName &&
              std::ranges::find(kNoArguments, next.text) == kNoArguments.end())) {
    PASS_ASSIGN_OR_RETURN(TemplateExpression primary, ParsePrimary());
    PASS_ASSIGN_OR_RETURN(TemplateExpression argument, ParsePostfix(std::move(primary)));
    test.args.push_back(std::move(argument));
  }
  if (negated) return Make(Kind::kNot, "", {std::move(test)});
  return test;
}

absl::Status ExpressionParser::ParseArguments(TemplateExpression* call) {
  PASS_RETURN_IF_ERROR(reader_->ExpectOperator("("));
  while (!reader_->SkipOperator(")")) {
    if (reader_->PeekOperator("*") || reader_->PeekOperator("**")) {
      return UnsupportedInTemplate("spreads arguments with '*'");
    }
    if (reader_->Peek().kind == Lexeme::kName && reader_->Peek(1).Is(Lexeme::kOperator, "=")) {
      const std::string name = reader_->Take().text;
      reader_->Take();
      PASS_ASSIGN_OR_RETURN(TemplateExpression value, Parse(/*allow_tuple=*/false));
      call->named.emplace_back(name, std::move(value));
    } else {
      PASS_ASSIGN_OR_RETURN(TemplateExpression value, Parse(/*allow_tuple=*/false));
      call->args.push_back(std::move(value));
    }
    if (!reader_->PeekOperator(")")) PASS_RETURN_IF_ERROR(reader_->ExpectOperator(","));
  }
  return absl::OkStatus();
}

}  // namespace pass
