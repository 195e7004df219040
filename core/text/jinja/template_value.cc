#include "core/text/jinja/template_value.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace pass {

TemplateValue::TemplateValue(TemplateList list) : depth_(1) {
  for (const TemplateValue& item : list) depth_ = std::max(depth_, item.depth_ + 1);
  value_ = std::make_shared<const TemplateList>(std::move(list));
}

TemplateValue::TemplateValue(TemplateDict dict) : depth_(1) {
  for (const auto& [name, value] : dict) depth_ = std::max(depth_, value.depth_ + 1);
  value_ = std::make_shared<const TemplateDict>(std::move(dict));
}

TemplateValue TemplateValue::MakeUndefined(std::string_view name) {
  return TemplateValue(Undefined{std::string(name)});
}

const MarkedText* TemplateValue::text() const {
  const Text* text = std::get_if<Text>(&value_);
  return text == nullptr ? nullptr : text->get();
}

const TemplateList* TemplateValue::list() const {
  const List* list = std::get_if<List>(&value_);
  return list == nullptr ? nullptr : list->get();
}

const TemplateDict* TemplateValue::dict() const {
  const Dict* dict = std::get_if<Dict>(&value_);
  return dict == nullptr ? nullptr : dict->get();
}

TemplateDict* TemplateValue::namespace_members() const {
  const Namespace* value = std::get_if<Namespace>(&value_);
  return value == nullptr ? nullptr : value->members.get();
}

bool TemplateValue::IsTrue() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return ToDouble() != 0;
  if (text() != nullptr) return !text()->text.empty();
  if (list() != nullptr) return !list()->empty();
  if (dict() != nullptr) return !dict()->empty();
  return true;
}

bool TemplateValue::Equals(const TemplateValue& other) const {
  if (is_number() && other.is_number()) return ToDouble() == other.ToDouble();
  if (text() != nullptr && other.text() != nullptr) return text()->text == other.text()->text;
  if (list() != nullptr && other.list() != nullptr) {
    return std::ranges::equal(*list(), *other.list(),
                              [](const TemplateValue& a, const TemplateValue& b) { return a.Equals(b); });
  }
  if (dict() != nullptr && other.dict() != nullptr) {
    return dict()->size() == other.dict()->size() && std::ranges::all_of(*dict(), [&](const auto& member) {
             const TemplateValue* found = FindMember(*other.dict(), member.first);
             return found != nullptr && member.second.Equals(*found);
           });
  }
  return (is_none() && other.is_none()) || (is_undefined() && other.is_undefined());
}

absl::StatusOr<MarkedText> TemplateValue::ToText() const {
  if (text() != nullptr) return *text();
  if (is_undefined()) return MarkedText();
  if (is_none()) return MarkedText::Server("None");
  if (is_bool()) return MarkedText::Server(IsTrue() ? "True" : "False");
  if (is_integer()) return MarkedText::Server(absl::StrCat(ToInteger()));
  return UnsupportedInTemplate(absl::StrCat("writes ", Describe()));
}

int64_t TemplateValue::ToInteger() const {
  if (is_bool()) return std::get<bool>(value_) ? 1 : 0;
  return std::get<int64_t>(value_);
}

double TemplateValue::ToDouble() const {
  return is_float() ? std::get<double>(value_) : static_cast<double>(ToInteger());
}

std::string TemplateValue::Describe() const {
  if (const Undefined* undefined = std::get_if<Undefined>(&value_)) {
    return absl::StrCat("'", undefined->name, "', which is undefined");
  }
  if (is_none()) return "none";
  if (is_number()) return "a number";
  if (text() != nullptr) return "a text";
  if (list() != nullptr) return "a list";
  if (callable() != nullptr) return "a function";
  return "a dictionary";
}

const TemplateValue* FindMember(const TemplateDict& dict, std::string_view name) {
  const auto found =
      std::ranges::find(dict, name, [](const auto& member) { return std::string_view(member.first); });
  return found == dict.end() ? nullptr : &found->second;
}

absl::Status UnsupportedInTemplate(std::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat("the chat template ", std::string(what), ", which is not supported"));
}

}  // namespace pass
