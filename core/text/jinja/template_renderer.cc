// Statements; expressions are in template_evaluation.cc.
#include "core/text/jinja/template_renderer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

using Kind = TemplateStatement::Kind;

constexpr int64_t kMaxSteps = 500'000;  // a turn of a chat takes some hundred
constexpr size_t kMaxOutputBytes = size_t{1} << 25;

// What a loop's body may ask of `loop`.
TemplateValue LoopVariable(const TemplateList& items, size_t index) {
  const auto number = [](size_t value) { return TemplateValue(static_cast<int64_t>(value)); };
  const auto neighbour = [&](bool exists, size_t at) {
    return exists ? items[at] : TemplateValue::MakeUndefined("loop's neighbour");
  };
  return TemplateValue(TemplateDict{
      {"index", number(index + 1)},
      {"index0", number(index)},
      {"revindex", number(items.size() - index)},
      {"revindex0", number(items.size() - index - 1)},
      {"first", TemplateValue(index == 0)},
      {"last", TemplateValue(index + 1 == items.size())},
      {"length", number(items.size())},
      {"previtem", neighbour(index > 0, index - 1)},
      {"nextitem", neighbour(index + 1 < items.size(), index + 1)},
  });
}

}  // namespace

absl::StatusOr<MarkedText> TemplateRenderer::Render() {
  PASS_RETURN_IF_ERROR(Run(*body_).status());
  return std::move(output_);
}

absl::Status TemplateRenderer::Step() {
  if (++num_steps_ <= kMaxSteps) return absl::OkStatus();
  return absl::ResourceExhaustedError("the chat template takes too many steps");
}

absl::Status TemplateRenderer::Write(const MarkedText& text) {
  if (output_.text.size() + text.text.size() > kMaxOutputBytes) {
    return absl::ResourceExhaustedError("the chat template writes too much");
  }
  output_.Append(text);
  return absl::OkStatus();
}

absl::StatusOr<MarkedText> TemplateRenderer::Capture(const Body& body) {
  MarkedText outer = std::exchange(output_, {});
  const absl::StatusOr<Flow> flow = Run(body);
  MarkedText written = std::exchange(output_, std::move(outer));
  PASS_RETURN_IF_ERROR(flow.status());
  return written;
}

absl::StatusOr<TemplateRenderer::Flow> TemplateRenderer::Run(const Body& body) {
  for (const TemplateStatement& statement : body) {
    PASS_RETURN_IF_ERROR(Step());
    PASS_ASSIGN_OR_RETURN(const Flow flow, RunStatement(statement));
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

absl::StatusOr<TemplateRenderer::Flow> TemplateRenderer::RunStatement(const TemplateStatement& statement) {
  switch (statement.kind) {
    case Kind::kData:
      PASS_RETURN_IF_ERROR(Write(MarkedText::Server(statement.names[0])));
      return Flow::kNext;
    case Kind::kOutput: {
      PASS_ASSIGN_OR_RETURN(const TemplateValue value, Evaluate(statement.expressions[0]));
      PASS_ASSIGN_OR_RETURN(const MarkedText text, value.ToText());
      PASS_RETURN_IF_ERROR(Write(text));
      return Flow::kNext;
    }
    case Kind::kIf:
      return RunIf(statement);
    case Kind::kFor:
      return RunFor(statement);
    case Kind::kSet:
    case Kind::kSetMember:
    case Kind::kSetBlock:
      PASS_RETURN_IF_ERROR(RunSet(statement));
      return Flow::kNext;
    case Kind::kMacro:
      PASS_RETURN_IF_ERROR(RunMacroDefinition(statement));
      return Flow::kNext;
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
    case Kind::kBody:
      return Run(statement.bodies[0]);
  }
  return Flow::kNext;
}

absl::StatusOr<TemplateRenderer::Flow> TemplateRenderer::RunIf(const TemplateStatement& statement) {
  for (size_t i = 0; i < statement.bodies.size(); ++i) {
    bool chosen = true;
    if (i < statement.expressions.size()) {
      PASS_ASSIGN_OR_RETURN(chosen, IsTrue(statement.expressions[i]));
    }
    if (chosen) return Run(statement.bodies[i]);
  }
  return Flow::kNext;
}

absl::Status TemplateRenderer::BindLoopNames(const TemplateStatement& statement, const TemplateValue& item) {
  if (statement.names.size() == 1) {
    SetVariable(statement.names[0], item);
    return absl::OkStatus();
  }
  if (item.list() == nullptr || item.list()->size() != statement.names.size()) {
    return UnsupportedInTemplate(
        absl::StrCat("takes ", statement.names.size(), " values from ", item.Describe()));
  }
  for (size_t i = 0; i < statement.names.size(); ++i) SetVariable(statement.names[i], (*item.list())[i]);
  return absl::OkStatus();
}

absl::StatusOr<TemplateList> TemplateRenderer::LoopItems(const TemplateStatement& statement) {
  PASS_ASSIGN_OR_RETURN(const TemplateValue iterable, Evaluate(statement.expressions[0]));
  PASS_ASSIGN_OR_RETURN(TemplateList items, ItemsOf(iterable));
  if (statement.expressions.size() == 1) return items;
  TemplateList chosen;
  for (TemplateValue& item : items) {
    scopes_.emplace_back();
    const absl::Cleanup leave = [this] { scopes_.pop_back(); };
    PASS_RETURN_IF_ERROR(BindLoopNames(statement, item));
    PASS_ASSIGN_OR_RETURN(const bool is_chosen, IsTrue(statement.expressions[1]));
    if (is_chosen) chosen.push_back(std::move(item));
  }
  return chosen;
}

absl::StatusOr<TemplateRenderer::Flow> TemplateRenderer::RunFor(const TemplateStatement& statement) {
  PASS_ASSIGN_OR_RETURN(const TemplateList items, LoopItems(statement));
  if (items.empty() && statement.bodies.size() > 1) return Run(statement.bodies[1]);
  for (size_t i = 0; i < items.size(); ++i) {
    scopes_.emplace_back();
    const absl::Cleanup leave = [this] { scopes_.pop_back(); };
    PASS_RETURN_IF_ERROR(Step());
    PASS_RETURN_IF_ERROR(BindLoopNames(statement, items[i]));
    SetVariable("loop", LoopVariable(items, i));
    PASS_ASSIGN_OR_RETURN(const Flow flow, Run(statement.bodies[0]));
    if (flow == Flow::kBreak) break;
  }
  return Flow::kNext;
}

absl::Status TemplateRenderer::RunSet(const TemplateStatement& statement) {
  if (statement.kind == Kind::kSetBlock) {
    PASS_ASSIGN_OR_RETURN(MarkedText text, Capture(statement.bodies[0]));
    SetVariable(statement.names[0], TemplateValue(std::move(text)));
    return absl::OkStatus();
  }
  PASS_ASSIGN_OR_RETURN(TemplateValue value, Evaluate(statement.expressions[0]));
  if (statement.kind == Kind::kSet) return BindLoopNames(statement, value);
  PASS_ASSIGN_OR_RETURN(const TemplateValue object, EvaluateName(statement.names[0]));
  TemplateDict* members = object.namespace_members();
  if (members == nullptr) {
    return UnsupportedInTemplate(absl::StrCat("sets a member of ", object.Describe()));
  }
  if (value.namespace_members() != nullptr) return UnsupportedInTemplate("puts a namespace into a namespace");
  const auto found = std::ranges::find(*members, statement.names[1], &TemplateDict::value_type::first);
  if (found == members->end()) {
    members->emplace_back(statement.names[1], std::move(value));
  } else {
    found->second = std::move(value);
  }
  return absl::OkStatus();
}

absl::Status TemplateRenderer::RunMacroDefinition(const TemplateStatement& statement) {
  auto macro = std::make_unique<TemplateMacro>();
  macro->parameters = {statement.names.begin() + 1, statement.names.end()};
  macro->defaults = statement.expressions;
  macro->body = &statement.bodies[0];
  SetVariable(statement.names[0],
              TemplateValue(TemplateValue::Callable{.name = statement.names[0], .macro = macro.get()}));
  macros_.push_back(std::move(macro));
  return absl::OkStatus();
}

void TemplateRenderer::SetVariable(const std::string& name, TemplateValue value) {
  TemplateDict& scope = scopes_.back();
  const auto found = std::ranges::find(scope, name, &TemplateDict::value_type::first);
  if (found == scope.end()) {
    scope.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

}  // namespace pass
