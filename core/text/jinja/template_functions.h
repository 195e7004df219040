// What templates call on values: filters, tests, methods of texts and dictionaries. Stateless. FAILED_PRECONDITION:
// a name that is not supported, or values that it does not take.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/jinja/template_value.h"

namespace pass {

struct TemplateArguments {
  std::vector<TemplateValue> values;  // for a filter or a test, the first one is what it is applied to
  std::vector<std::pair<std::string, TemplateValue>> named;

  // The argument at that place or of that name; null: neither.
  const TemplateValue* Find(size_t place, std::string_view name) const;
};

absl::StatusOr<TemplateValue> ApplyFilter(const std::string& name, const TemplateArguments& arguments);
absl::StatusOr<bool> ApplyTest(const std::string& name, const TemplateArguments& arguments);
// `self` is a text or a dictionary.
absl::StatusOr<TemplateValue> CallMethod(const TemplateValue& self, const std::string& name,
                                         const TemplateArguments& arguments);
bool HasMethod(const TemplateValue& self, std::string_view name);

// What `for`, `in` and filters go through: a list's values, a dictionary's keys, a text's characters, nothing.
absl::StatusOr<TemplateList> ItemsOf(const TemplateValue& value);
// container.name or container[name]: undefined where there is none.
TemplateValue MemberOf(const TemplateValue& container, std::string_view name);

}  // namespace pass
