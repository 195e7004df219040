#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/jinja/template_functions.h"

namespace pass {

absl::StatusOr<bool> ApplyTest(const std::string& name, const TemplateArguments& arguments) {
  const TemplateValue& value = arguments.values[0];
  const TemplateValue* other = arguments.Find(1, "other");
  if (name == "defined") return !value.is_undefined();
  if (name == "undefined") return value.is_undefined();
  if (name == "none") return value.is_none();
  if (name == "string") return value.text() != nullptr;
  if (name == "boolean") return value.is_bool();
  if (name == "true") return value.is_bool() && value.IsTrue();
  if (name == "false") return value.is_bool() && !value.IsTrue();
  if (name == "integer") return value.is_integer();
  if (name == "float") return value.is_float();
  if (name == "number") return value.is_number();
  if (name == "mapping") return value.dict() != nullptr;
  if (name == "sequence")
    return value.text() != nullptr || value.list() != nullptr || value.dict() != nullptr;
  if (name == "iterable") {
    return value.text() != nullptr || value.list() != nullptr || value.dict() != nullptr ||
           value.is_undefined();
  }
  if ((name == "even" || name == "odd") && value.is_integer())
    return (value.ToInteger() % 2 == 0) == (name == "even");
  if (other != nullptr) {
    if (name == "equalto" || name == "eq" || name == "==") return value.Equals(*other);
    if (name == "ne") return !value.Equals(*other);
    if (name == "divisibleby" && value.is_integer() && other->is_integer() && other->ToInteger() != 0) {
      return value.ToInteger() % other->ToInteger() == 0;
    }
    if (name == "in" && other->text() == nullptr) {
      PASS_ASSIGN_OR_RETURN(const TemplateList items, ItemsOf(*other));
      return std::ranges::any_of(items, [&](const TemplateValue& item) { return item.Equals(value); });
    }
  }
  return UnsupportedInTemplate(absl::StrCat("applies the test '", name, "' to ", value.Describe()));
}

}  // namespace pass
