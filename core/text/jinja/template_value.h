// What a chat template computes with: Python's values, as far as chats need them. Texts carry marks of who wrote
// each byte, through every operation. Cheap to copy: texts, lists and dictionaries are shared and never changed; a
// namespace is shared and is changed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/marked_text.h"

namespace pass {

class TemplateValue;
struct TemplateMacro;

using TemplateList = std::vector<TemplateValue>;
using TemplateDict = std::vector<std::pair<std::string, TemplateValue>>;  // in the order of insertion

class TemplateValue {
 public:
  struct Undefined {
    std::string name;
  };
  struct None {};
  struct Namespace {
    std::shared_ptr<TemplateDict> members;
  };
  // A function of the renderer, by name, or a macro; or a method of `self`.
  struct Callable {
    std::string name;
    const TemplateMacro* macro = nullptr;
    std::shared_ptr<const TemplateValue> self = nullptr;
  };
  using Text = std::shared_ptr<const MarkedText>;
  using List = std::shared_ptr<const TemplateList>;
  using Dict = std::shared_ptr<const TemplateDict>;

  TemplateValue() : value_(None{}) {}
  explicit TemplateValue(bool value) : value_(value) {}
  explicit TemplateValue(int64_t value) : value_(value) {}
  explicit TemplateValue(double value) : value_(value) {}
  explicit TemplateValue(MarkedText text) : value_(std::make_shared<const MarkedText>(std::move(text))) {}
  explicit TemplateValue(TemplateList list);
  explicit TemplateValue(TemplateDict dict);
  explicit TemplateValue(Callable callable) : value_(std::move(callable)) {}
  explicit TemplateValue(Namespace members) : value_(std::move(members)) {}
  static TemplateValue MakeUndefined(std::string_view name);
  static TemplateValue ServerText(std::string_view text) { return TemplateValue(MarkedText::Server(text)); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(value_); }
  bool is_none() const { return std::holds_alternative<None>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<int64_t>(value_); }
  bool is_float() const { return std::holds_alternative<double>(value_); }
  bool is_number() const { return is_integer() || is_float() || is_bool(); }

  // Null where the value is of another type.
  const MarkedText* text() const;
  const TemplateList* list() const;
  const TemplateDict* dict() const;
  TemplateDict* namespace_members() const;
  const Callable* callable() const { return std::get_if<Callable>(&value_); }

  // Python's bool(), ==, and str(). FAILED_PRECONDITION from ToText: a value whose text is not supported.
  bool IsTrue() const;
  bool Equals(const TemplateValue& other) const;
  absl::StatusOr<MarkedText> ToText() const;

  // As numbers; only where is_number(), and for ToInteger where it is no float.
  int64_t ToInteger() const;
  double ToDouble() const;

  // How many lists and dictionaries lie in one another; 0: none.
  int depth() const { return depth_; }

  // What it is, for messages: "a text", "a list", "'x', which is undefined".
  std::string Describe() const;

 private:
  explicit TemplateValue(Undefined undefined) : value_(std::move(undefined)) {}

  std::variant<Undefined, None, bool, int64_t, double, Text, List, Dict, Namespace, Callable> value_;
  int depth_ = 0;
};

// The member of that name; null if there is none.
const TemplateValue* FindMember(const TemplateDict& dict, std::string_view name);

// What a template does and this program does not: FAILED_PRECONDITION, "the chat template ..., which is not
// supported".
absl::Status UnsupportedInTemplate(std::string_view what);

}  // namespace pass
