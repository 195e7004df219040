// A parsed template: expressions and statements as trees.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/text/jinja/template_value.h"

namespace pass {

struct TemplateExpression {
  enum class Kind : uint8_t {
    kLiteral,
    kName,
    kAttribute,  // args[0].name
    kItem,       // args[0][args[1]]
    kSlice,      // args[0][args[1]:args[2]:args[3]], none where left out
    kCall,       // args[0](args[1], ..., named)
    kFilter,     // args[0] | name(args[1], ..., named)
    kTest,       // args[0] is name(args[1], ...)
    kNot,
    kNegative,
    kAnd,
    kOr,
    kBinary,       // args[0] name args[1]: + - * / // % ~
    kCompare,      // args[0] name args[1]: == != < <= > >= in
    kConditional,  // args[1] if args[0] else args[2]; without the last: undefined
    kList,
    kDict,  // keys and values in turn
  };
  Kind kind = Kind::kLiteral;
  std::string name = {};
  TemplateValue literal = {};
  std::vector<TemplateExpression> args = {};
  std::vector<std::pair<std::string, TemplateExpression>> named = {};
};

struct TemplateStatement {
  enum class Kind : uint8_t {
    kData,       // names[0]
    kOutput,     // expressions[0]
    kIf,         // expressions[i] chooses bodies[i]; one more body: else
    kFor,        // names in expressions[0] [if expressions[1]]: bodies[0], else bodies[1]
    kSet,        // names = expressions[0]
    kSetMember,  // names[0].names[1] = expressions[0]
    kSetBlock,   // names[0] = the text of bodies[0]
    kMacro,      // names[0], its parameters behind it; expressions: the defaults of the last ones; bodies[0]
    kBreak,
    kContinue,
    kBody,  // bodies[0], as it is
  };
  Kind kind = Kind::kData;
  std::vector<std::string> names = {};
  std::vector<TemplateExpression> expressions = {};
  std::vector<std::vector<TemplateStatement>> bodies = {};
};

struct TemplateMacro {
  std::vector<std::string> parameters;
  std::vector<TemplateExpression> defaults;  // of the last parameters
  const std::vector<TemplateStatement>* body = nullptr;
};

}  // namespace pass
