// The expressions of a template.
#include <algorithm>
#include <array>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "core/text/jinja/template_renderer.h"
#include "core/text/jinja/template_text.h"

namespace pass {
namespace {

using Kind = TemplateExpression::Kind;

constexpr int kMaxDepth = 200;
constexpr size_t kMaxTextBytes = size_t{1} << 25;
constexpr int64_t kMaxRange = 1'000'000;
constexpr std::array<std::string_view, 5> kFunctions = {"range", "namespace", "dict", "raise_exception",
                                                        "strftime_now"};

absl::Status UndefinedError(const TemplateValue& value) {
  return absl::FailedPreconditionError(absl::StrCat("the chat template uses ", value.Describe()));
}

// The bound of a slice: an integer, or none.
absl::StatusOr<std::optional<int64_t>> Bound(const TemplateValue& value) {
  if (value.is_none()) return std::nullopt;
  if (value.is_integer()) return value.ToInteger();
  return UnsupportedInTemplate(absl::StrCat("slices at ", value.Describe()));
}

int64_t FloorDivide(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0); }

absl::StatusOr<TemplateValue> Arithmetic(const std::string& name, const TemplateValue& a,
                                         const TemplateValue& b) {
  const bool by_zero = b.ToDouble() == 0 && name != "+" && name != "-" && name != "*";
  if (by_zero) return UnsupportedInTemplate("divides by zero");
  if (name == "/") return TemplateValue(a.ToDouble() / b.ToDouble());
  if (a.is_float() || b.is_float()) {
    if (name == "+") return TemplateValue(a.ToDouble() + b.ToDouble());
    if (name == "-") return TemplateValue(a.ToDouble() - b.ToDouble());
    if (name == "*") return TemplateValue(a.ToDouble() * b.ToDouble());
    return UnsupportedInTemplate(absl::StrCat("applies '", name, "' to a broken number"));
  }
  constexpr int64_t kMaxOperand = int64_t{1} << 31;
  const int64_t x = a.ToInteger();
  const int64_t y = b.ToInteger();
  if (std::max(x, y) > kMaxOperand || std::min(x, y) < -kMaxOperand)
    return UnsupportedInTemplate("has huge numbers");
  if (name == "+") return TemplateValue(x + y);
  if (name == "-") return TemplateValue(x - y);
  if (name == "*") return TemplateValue(x * y);
  if (name == "//") return TemplateValue(FloorDivide(x, y));
  return TemplateValue(x - FloorDivide(x, y) * y);
}

absl::StatusOr<TemplateValue> Range(const TemplateArguments& arguments) {
  std::array<int64_t, 3> bounds = {0, 0, 1};
  const size_t count = arguments.values.size();
  for (size_t i = 0; i < count && i < 3; ++i) {
    if (!arguments.values[i].is_integer())
      return UnsupportedInTemplate("calls range with what is no integer");
    bounds[count == 1 ? 1 : i] = std::clamp(arguments.values[i].ToInteger(), -2 * kMaxRange, 2 * kMaxRange);
  }
  const auto [begin, end, step] = bounds;
  if (count < 1 || count > 3 || step == 0 || std::abs(end - begin) > kMaxRange) {
    return UnsupportedInTemplate("calls range in another form");
  }
  TemplateList numbers;
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step) numbers.emplace_back(i);
  return TemplateValue(std::move(numbers));
}

// datetime.now().strftime(format)
absl::StatusOr<TemplateValue> FormatNow(const TemplateArguments& arguments) {
  if (arguments.values.size() != 1 || arguments.values[0].text() == nullptr) {
    return UnsupportedInTemplate("calls strftime_now in another form");
  }
  const std::string& format = arguments.values[0].text()->text;
  for (size_t at = format.find('%'); at != std::string::npos; at = format.find('%', at + 2)) {
    if (at + 1 == format.size() ||
        std::string_view("dmYyBbAaHMSIpj%").find(format[at + 1]) == std::string_view::npos) {
      return UnsupportedInTemplate(absl::StrCat("asks for the time as '", format, "'"));
    }
  }
  return TemplateValue::ServerText(absl::FormatTime(format, absl::Now(), absl::LocalTimeZone()));
}

// What the template itself says in a text. What a user wrote is left out, since the words go to logs.
std::string TemplatesWords(const MarkedText& text) {
  std::string words;
  for (size_t i = 0; i < text.text.size(); ++i) {
    if (text.marks[i] == MarkedText::kServer) {
      words += text.text[i];
    } else if (i == 0 || text.marks[i - 1] == MarkedText::kServer) {
      words += "...";
    }
  }
  return words;
}

}  // namespace

TemplateRenderer::Value TemplateRenderer::Evaluate(const TemplateExpression& expression) {
  PASS_RETURN_IF_ERROR(Step());
  if (depth_ >= kMaxDepth) return absl::ResourceExhaustedError("the chat template is nested too deeply");
  ++depth_;
  const absl::Cleanup leave = [this] { --depth_; };
  return EvaluateKind(expression);
}

TemplateRenderer::Value TemplateRenderer::EvaluateKind(const TemplateExpression& expression) {
  switch (expression.kind) {
    case Kind::kLiteral:
      return expression.literal;
    case Kind::kName:
      return EvaluateName(expression.name);
    case Kind::kAttribute:
      return EvaluateAttribute(expression);
    case Kind::kItem:
      return EvaluateItem(expression);
    case Kind::kSlice:
      return EvaluateSlice(expression);
    case Kind::kCall:
      return EvaluateCall(expression);
    case Kind::kFilter: {
      PASS_ASSIGN_OR_RETURN(const TemplateArguments arguments, EvaluateArguments(expression, 0));
      return ApplyFilter(expression.name, arguments);
    }
    case Kind::kTest: {
      PASS_ASSIGN_OR_RETURN(const TemplateArguments arguments, EvaluateArguments(expression, 0));
      PASS_ASSIGN_OR_RETURN(const bool holds, ApplyTest(expression.name, arguments));
      return TemplateValue(holds);
    }
    case Kind::kNot: {
      PASS_ASSIGN_OR_RETURN(const bool holds, IsTrue(expression.args[0]));
      return TemplateValue(!holds);
    }
    case Kind::kNegative: {
      PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(expression.args[0]));
      if (!value.is_number()) return UnsupportedInTemplate(absl::StrCat("negates ", value.Describe()));
      return value.is_float() ? TemplateValue(-value.ToDouble()) : TemplateValue(-value.ToInteger());
    }
    case Kind::kAnd:
    case Kind::kOr: {
      PASS_ASSIGN_OR_RETURN(TemplateValue left, Evaluate(expression.args[0]));
      if (left.IsTrue() == (expression.kind == Kind::kOr)) return left;
      return Evaluate(expression.args[1]);
    }
    case Kind::kBinary:
      return EvaluateBinary(expression);
    case Kind::kCompare:
      return EvaluateCompare(expression);
    case Kind::kConditional:
      return EvaluateConditional(expression);
    case Kind::kList:
    case Kind::kDict:
      return EvaluateContainer(expression);
  }
  return TemplateValue();
}

absl::StatusOr<bool> TemplateRenderer::IsTrue(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(expression));
  return value.IsTrue();
}

TemplateRenderer::Value TemplateRenderer::EvaluateName(const std::string& name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (const TemplateValue* found = FindMember(*scope, name)) return *found;
  }
  if (std::ranges::find(kFunctions, name) == kFunctions.end()) return TemplateValue::MakeUndefined(name);
  return TemplateValue(TemplateValue::Callable{.name = name});
}

TemplateRenderer::Value TemplateRenderer::EvaluateAttribute(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(expression.args[0]));
  if (value.is_undefined()) return UndefinedError(value);
  if (!HasMethod(value, expression.name)) return MemberOf(value, expression.name);
  return TemplateValue(
      TemplateValue::Callable{.name = expression.name, .self = std::make_shared<const TemplateValue>(value)});
}

TemplateRenderer::Value TemplateRenderer::EvaluateItem(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(expression.args[0]));
  PASS_ASSIGN_OR_RETURN(const TemplateValue key, Evaluate(expression.args[1]));
  if (value.is_undefined()) return UndefinedError(value);
  if (key.text() != nullptr) return MemberOf(value, key.text()->text);
  if (!key.is_integer()) return UnsupportedInTemplate(absl::StrCat("takes an item by ", key.Describe()));
  PASS_ASSIGN_OR_RETURN(TemplateList items,
                        ItemsOf(value.dict() == nullptr ? value : TemplateValue(TemplateList{})));
  const int64_t index = key.ToInteger() + (key.ToInteger() < 0 ? static_cast<int64_t>(items.size()) : 0);
  if (index < 0 || index >= static_cast<int64_t>(items.size()))
    return TemplateValue::MakeUndefined("an item");
  return items[static_cast<size_t>(index)];
}

TemplateRenderer::Value TemplateRenderer::EvaluateSlice(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(expression.args[0]));
  std::array<std::optional<int64_t>, 3> bounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    PASS_ASSIGN_OR_RETURN(const TemplateValue bound, Evaluate(expression.args[i + 1]));
    PASS_ASSIGN_OR_RETURN(bounds[i], Bound(bound));
  }
  const int64_t step = bounds[2].value_or(1);
  if (step == 0 || (value.text() == nullptr && value.list() == nullptr)) {
    return UnsupportedInTemplate(absl::StrCat("slices ", value.Describe()));
  }
  if (value.text() != nullptr) return TemplateValue(SliceText(*value.text(), bounds[0], bounds[1], step));
  TemplateList sliced;
  for (const size_t i : SliceIndices(value.list()->size(), bounds[0], bounds[1], step)) {
    sliced.push_back((*value.list())[i]);
  }
  return TemplateValue(std::move(sliced));
}

absl::StatusOr<TemplateArguments> TemplateRenderer::EvaluateArguments(const TemplateExpression& expression,
                                                                      size_t first) {
  TemplateArguments arguments;
  for (size_t i = first; i < expression.args.size(); ++i) {
    PASS_ASSIGN_OR_RETURN(TemplateValue value, Evaluate(expression.args[i]));
    arguments.values.push_back(std::move(value));
  }
  for (const auto& [name, argument] : expression.named) {
    PASS_ASSIGN_OR_RETURN(TemplateValue value, Evaluate(argument));
    arguments.named.emplace_back(name, std::move(value));
  }
  return arguments;
}

TemplateRenderer::Value TemplateRenderer::EvaluateCall(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue callee, Evaluate(expression.args[0]));
  PASS_ASSIGN_OR_RETURN(const TemplateArguments arguments, EvaluateArguments(expression, 1));
  if (callee.is_undefined()) {
    return UnsupportedInTemplate(absl::StrCat("calls ", callee.Describe()));
  }
  const TemplateValue::Callable* callable = callee.callable();
  if (callable == nullptr) return UnsupportedInTemplate(absl::StrCat("calls ", callee.Describe()));
  if (callable->macro != nullptr) return CallMacro(*callable->macro, arguments);
  if (callable->self != nullptr) return CallMethod(*callable->self, callable->name, arguments);
  return CallFunction(callable->name, arguments);
}

TemplateRenderer::Value TemplateRenderer::CallFunction(const std::string& name,
                                                       const TemplateArguments& arguments) {
  if (name == "range") return Range(arguments);
  if (name == "strftime_now") return FormatNow(arguments);
  if (name == "raise_exception") {
    const bool has_words = !arguments.values.empty() && arguments.values[0].text() != nullptr;
    const std::string words = has_words ? TemplatesWords(*arguments.values[0].text()) : "";
    return absl::InvalidArgumentError(
        absl::StrCat("the chat template refuses these messages", words.empty() ? "" : ": ", words));
  }
  if (!arguments.values.empty())
    return UnsupportedInTemplate(absl::StrCat("calls ", name, " in another form"));
  if (name == "dict") return TemplateValue(TemplateDict(arguments.named));
  return TemplateValue(TemplateValue::Namespace{std::make_shared<TemplateDict>(arguments.named)});
}

TemplateRenderer::Value TemplateRenderer::CallMacro(const TemplateMacro& macro,
                                                    const TemplateArguments& arguments) {
  if (arguments.values.size() > macro.parameters.size())
    return UnsupportedInTemplate("gives a macro too much");
  TemplateDict locals;
  const size_t first_default = macro.parameters.size() - macro.defaults.size();
  for (size_t i = 0; i < macro.parameters.size(); ++i) {
    TemplateValue value = TemplateValue::MakeUndefined(macro.parameters[i]);
    if (const TemplateValue* given = arguments.Find(i, macro.parameters[i])) {
      value = *given;
    } else if (i >= first_default) {
      PASS_ASSIGN_OR_RETURN(value, Evaluate(macro.defaults[i - first_default]));
    }
    locals.emplace_back(macro.parameters[i], std::move(value));
  }
  // A macro sees what stands outside of all blocks, and its own.
  std::vector<TemplateDict> inner = {scopes_.front(), std::move(locals)};
  std::swap(scopes_, inner);
  absl::StatusOr<MarkedText> text = Capture(*macro.body);
  std::swap(scopes_, inner);
  PASS_RETURN_IF_ERROR(text.status());
  return TemplateValue(*std::move(text));
}

TemplateRenderer::Value TemplateRenderer::EvaluateBinary(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue left, Evaluate(expression.args[0]));
  PASS_ASSIGN_OR_RETURN(const TemplateValue right, Evaluate(expression.args[1]));
  const bool both_texts = left.text() != nullptr && right.text() != nullptr;
  if (expression.name == "~" || (expression.name == "+" && both_texts)) {
    PASS_ASSIGN_OR_RETURN(MarkedText text, left.ToText());
    PASS_ASSIGN_OR_RETURN(const MarkedText more, right.ToText());
    if (text.text.size() + more.text.size() > kMaxTextBytes) {
      return absl::ResourceExhaustedError("the chat template makes too long a text");
    }
    text.Append(more);
    return TemplateValue(std::move(text));
  }
  if (left.is_number() && right.is_number()) return Arithmetic(expression.name, left, right);
  if (expression.name == "+" && left.list() != nullptr && right.list() != nullptr) {
    TemplateList joined = *left.list();
    joined.insert(joined.end(), right.list()->begin(), right.list()->end());
    return TemplateValue(std::move(joined));
  }
  if (left.is_undefined()) return UndefinedError(left);
  if (right.is_undefined()) return UndefinedError(right);
  return UnsupportedInTemplate(
      absl::StrCat("applies '", expression.name, "' to ", left.Describe(), " and ", right.Describe()));
}

TemplateRenderer::Value TemplateRenderer::EvaluateCompare(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue left, Evaluate(expression.args[0]));
  PASS_ASSIGN_OR_RETURN(const TemplateValue right, Evaluate(expression.args[1]));
  const std::string& name = expression.name;
  if (name == "==") return TemplateValue(left.Equals(right));
  if (name == "!=") return TemplateValue(!left.Equals(right));
  if (name == "in") {
    if (left.text() != nullptr && right.text() != nullptr) {
      return TemplateValue(right.text()->text.find(left.text()->text) != std::string::npos);
    }
    PASS_ASSIGN_OR_RETURN(const TemplateList items, ItemsOf(right));
    return TemplateValue(
        std::ranges::any_of(items, [&](const TemplateValue& item) { return item.Equals(left); }));
  }
  double order = 0;
  if (left.is_number() && right.is_number()) {
    order = left.ToDouble() - right.ToDouble();
  } else if (left.text() != nullptr && right.text() != nullptr) {
    order = left.text()->text.compare(right.text()->text);
  } else {
    return UnsupportedInTemplate(absl::StrCat("compares ", left.Describe(), " with ", right.Describe()));
  }
  return TemplateValue(name == "<"    ? order < 0
                       : name == "<=" ? order <= 0
                       : name == ">"  ? order > 0
                                      : order >= 0);
}

TemplateRenderer::Value TemplateRenderer::EvaluateConditional(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(const bool holds, IsTrue(expression.args[0]));
  if (holds) return Evaluate(expression.args[1]);
  if (expression.args.size() == 3) return Evaluate(expression.args[2]);
  return TemplateValue::MakeUndefined("a condition's other value");
}

TemplateRenderer::Value TemplateRenderer::EvaluateContainer(const TemplateExpression& expression) {
  PASS_ASSIGN_OR_RETURN(TemplateArguments arguments, EvaluateArguments(expression, 0));
  for (const TemplateValue& value : arguments.values) {
    if (value.depth() >= kMaxDepth)
      return absl::ResourceExhaustedError("the chat template nests lists too deeply");
    if (value.namespace_members() != nullptr) return UnsupportedInTemplate("puts a namespace into a list");
  }
  if (expression.kind == Kind::kList) return TemplateValue(TemplateList(std::move(arguments.values)));
  TemplateDict dict;
  for (size_t i = 0; i + 1 < arguments.values.size(); i += 2) {
    if (arguments.values[i].text() == nullptr)
      return UnsupportedInTemplate("has a dictionary whose keys are no texts");
    std::erase_if(dict, [&](const auto& member) { return member.first == arguments.values[i].text()->text; });
    dict.emplace_back(arguments.values[i].text()->text, std::move(arguments.values[i + 1]));
  }
  return TemplateValue(std::move(dict));
}

}  // namespace pass
