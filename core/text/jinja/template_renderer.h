// Runs a parsed template. What Jinja does is done alike or refused; steps, depth and sizes are bounded, so that no
// template runs without end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/jinja/template_functions.h"
#include "core/text/jinja/template_syntax.h"
#include "core/text/jinja/template_value.h"

namespace pass {

class TemplateRenderer {
 public:
  using Body = std::vector<TemplateStatement>;

  // `body` is borrowed.
  TemplateRenderer(const Body* body, TemplateDict variables) : body_(body), scopes_{std::move(variables)} {}

  // Once. INVALID_ARGUMENT: the template raises an exception, with its words. FAILED_PRECONDITION: it does what is
  // not supported, or what Jinja refuses. RESOURCE_EXHAUSTED: a bound.
  absl::StatusOr<MarkedText> Render();

 private:
  enum class Flow : uint8_t { kNext, kBreak, kContinue };
  using Value = absl::StatusOr<TemplateValue>;

  absl::Status Step();
  absl::StatusOr<Flow> Run(const Body& body);
  absl::StatusOr<Flow> RunStatement(const TemplateStatement& statement);
  absl::StatusOr<Flow> RunIf(const TemplateStatement& statement);
  absl::StatusOr<Flow> RunFor(const TemplateStatement& statement);
  absl::StatusOr<TemplateList> LoopItems(const TemplateStatement& statement);
  absl::Status BindLoopNames(const TemplateStatement& statement, const TemplateValue& item);
  absl::Status RunSet(const TemplateStatement& statement);
  absl::Status RunMacroDefinition(const TemplateStatement& statement);
  absl::Status Write(const MarkedText& text);
  // The text that a body writes.
  absl::StatusOr<MarkedText> Capture(const Body& body);

  Value Evaluate(const TemplateExpression& expression);
  Value EvaluateKind(const TemplateExpression& expression);
  Value EvaluateName(const std::string& name) const;
  Value EvaluateAttribute(const TemplateExpression& expression);
  Value EvaluateItem(const TemplateExpression& expression);
  Value EvaluateSlice(const TemplateExpression& expression);
  Value EvaluateCall(const TemplateExpression& expression);
  Value EvaluateBinary(const TemplateExpression& expression);
  Value EvaluateCompare(const TemplateExpression& expression);
  Value EvaluateConditional(const TemplateExpression& expression);
  Value EvaluateContainer(const TemplateExpression& expression);
  absl::StatusOr<bool> IsTrue(const TemplateExpression& expression);
  // The arguments of a call, filter or test from args[first] on.
  absl::StatusOr<TemplateArguments> EvaluateArguments(const TemplateExpression& expression, size_t first);
  Value CallFunction(const std::string& name, const TemplateArguments& arguments);
  Value CallMacro(const TemplateMacro& macro, const TemplateArguments& arguments);

  void SetVariable(const std::string& name, TemplateValue value);

  const Body* body_;
  std::vector<TemplateDict> scopes_;  // the outermost first
  std::vector<std::unique_ptr<TemplateMacro>> macros_;
  MarkedText output_;
  int64_t num_steps_ = 0;
  int depth_ = 0;
};

}  // namespace pass
