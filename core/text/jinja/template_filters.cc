#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/text/jinja/template_functions.h"
#include "core/text/jinja/template_text.h"

namespace pass {
namespace {

absl::Status Misfit(std::string_view filter, const TemplateValue& value) {
  return UnsupportedInTemplate(absl::StrCat("applies '", std::string(filter), "' to ", value.Describe()));
}

absl::StatusOr<TemplateValue> Length(const TemplateValue& value) {
  if (value.text() != nullptr) return TemplateValue(CountCharacters(value.text()->text));
  if (value.list() != nullptr) return TemplateValue(static_cast<int64_t>(value.list()->size()));
  if (value.dict() != nullptr) return TemplateValue(static_cast<int64_t>(value.dict()->size()));
  if (value.is_undefined()) return TemplateValue(int64_t{0});
  return Misfit("length", value);
}

// default(fallback, boolean=false)
absl::StatusOr<TemplateValue> Default(const TemplateArguments& arguments) {
  const TemplateValue& value = arguments.values[0];
  const TemplateValue* fallback = arguments.Find(1, "default_value");
  const TemplateValue* boolean = arguments.Find(2, "boolean");
  const bool misses = value.is_undefined() || (boolean != nullptr && boolean->IsTrue() && !value.IsTrue());
  if (!misses) return value;
  return fallback == nullptr ? TemplateValue::ServerText("") : *fallback;
}

absl::StatusOr<TemplateValue> Join(const TemplateArguments& arguments) {
  PASS_ASSIGN_OR_RETURN(const TemplateList items, ItemsOf(arguments.values[0]));
  const TemplateValue* separator = arguments.Find(1, "d");
  const TemplateValue* attribute = arguments.Find(2, "attribute");
  MarkedText joined;
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0 && separator != nullptr) {
      PASS_ASSIGN_OR_RETURN(const MarkedText text, separator->ToText());
      joined.Append(text);
    }
    const bool picks = attribute != nullptr && attribute->text() != nullptr;
    PASS_ASSIGN_OR_RETURN(const MarkedText text,
                          (picks ? MemberOf(items[i], attribute->text()->text) : items[i]).ToText());
    joined.Append(text);
  }
  return TemplateValue(std::move(joined));
}

// selectattr(name[, test, value]) and rejectattr.
absl::StatusOr<TemplateValue> SelectByAttribute(const TemplateArguments& arguments, bool wanted) {
  if (arguments.values.size() < 2 || arguments.values[1].text() == nullptr) return Misfit("selectattr", {});
  PASS_ASSIGN_OR_RETURN(const TemplateList items, ItemsOf(arguments.values[0]));
  TemplateList selected;
  for (const TemplateValue& item : items) {
    TemplateArguments test{.values = {MemberOf(item, arguments.values[1].text()->text)}, .named = {}};
    bool holds = test.values[0].IsTrue();
    if (arguments.values.size() > 2 && arguments.values[2].text() != nullptr) {
      test.values.insert(test.values.end(), arguments.values.begin() + 3, arguments.values.end());
      PASS_ASSIGN_OR_RETURN(holds, ApplyTest(arguments.values[2].text()->text, test));
    }
    if (holds == wanted) selected.push_back(item);
  }
  return TemplateValue(std::move(selected));
}

// map(attribute=name) and map(filter).
absl::StatusOr<TemplateValue> Map(const TemplateArguments& arguments) {
  PASS_ASSIGN_OR_RETURN(const TemplateList items, ItemsOf(arguments.values[0]));
  const TemplateValue* attribute = arguments.Find(SIZE_MAX, "attribute");
  const TemplateValue* filter = arguments.Find(1, "filter");
  TemplateList mapped;
  for (const TemplateValue& item : items) {
    if (attribute != nullptr && attribute->text() != nullptr) {
      mapped.push_back(MemberOf(item, attribute->text()->text));
    } else if (filter != nullptr && filter->text() != nullptr) {
      PASS_ASSIGN_OR_RETURN(TemplateValue value,
                            ApplyFilter(filter->text()->text, {.values = {item}, .named = {}}));
      mapped.push_back(std::move(value));
    } else {
      return Misfit("map", arguments.values[0]);
    }
  }
  return TemplateValue(std::move(mapped));
}

absl::StatusOr<TemplateValue> ToInteger(const TemplateArguments& arguments) {
  const TemplateValue& value = arguments.values[0];
  if (value.is_float()) return TemplateValue(static_cast<int64_t>(value.ToDouble()));
  if (value.is_number()) return TemplateValue(value.ToInteger());
  int64_t number = 0;
  if (value.text() != nullptr) {
    const std::string text = Strip(*value.text(), TextEnd::kBoth, std::nullopt).text;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) number = 0;
  }
  return TemplateValue(number);
}

absl::StatusOr<TemplateValue> OfText(const std::string& name, const TemplateArguments& arguments) {
  PASS_ASSIGN_OR_RETURN(MarkedText text, arguments.values[0].ToText());
  TemplateArguments rest{.values = {arguments.values.begin() + 1, arguments.values.end()},
                         .named = arguments.named};
  return CallMethod(TemplateValue(std::move(text)), name == "trim" ? "strip" : name, rest);
}

absl::StatusOr<TemplateValue> OfList(const std::string& name, const TemplateValue& value) {
  PASS_ASSIGN_OR_RETURN(TemplateList items, ItemsOf(value));
  if (name == "first" || name == "last") {
    if (items.empty()) return TemplateValue::MakeUndefined(name);
    return name == "first" ? items.front() : items.back();
  }
  if (name == "reverse" && value.text() == nullptr) std::ranges::reverse(items);
  if (name == "reverse" && value.text() != nullptr) return Misfit(name, value);
  return TemplateValue(std::move(items));
}

}  // namespace

const TemplateValue* TemplateArguments::Find(size_t place, std::string_view name) const {
  if (place < values.size()) return &values[place];
  const auto found =
      std::ranges::find(named, name, [](const auto& argument) { return std::string_view(argument.first); });
  return found == named.end() ? nullptr : &found->second;
}

absl::StatusOr<TemplateValue> ApplyFilter(const std::string& name, const TemplateArguments& arguments) {
  const TemplateValue& value = arguments.values[0];
  if (name == "default" || name == "d") return Default(arguments);
  if (name == "length" || name == "count") return Length(value);
  if (name == "join") return Join(arguments);
  if (name == "selectattr") return SelectByAttribute(arguments, /*wanted=*/true);
  if (name == "rejectattr") return SelectByAttribute(arguments, /*wanted=*/false);
  if (name == "map") return Map(arguments);
  if (name == "int") return ToInteger(arguments);
  if (name == "first" || name == "last" || name == "list" || name == "reverse") return OfList(name, value);
  if (name == "trim" || name == "upper" || name == "lower" || name == "capitalize" || name == "replace") {
    return OfText(name, arguments);
  }
  if (name == "string" || name == "safe") {
    PASS_ASSIGN_OR_RETURN(MarkedText text, value.ToText());
    return TemplateValue(std::move(text));
  }
  if (name == "items" && value.dict() != nullptr) return CallMethod(value, "items", {});
  return UnsupportedInTemplate(absl::StrCat("applies the filter '", name, "'"));
}

absl::StatusOr<TemplateList> ItemsOf(const TemplateValue& value) {
  if (value.list() != nullptr) return *value.list();
  TemplateList items;
  if (value.dict() != nullptr) {
    for (const auto& member : *value.dict()) items.push_back(TemplateValue::ServerText(member.first));
  } else if (value.text() != nullptr) {
    const MarkedText& text = *value.text();
    for (size_t at = 0; at < text.text.size();) {
      const size_t length = NextUtf8(std::string_view(text.text).substr(at)).length;
      items.emplace_back(text.Slice(at, length));
      at += length;
    }
  } else if (!value.is_undefined()) {
    return UnsupportedInTemplate(absl::StrCat("goes through ", value.Describe()));
  }
  return items;
}

TemplateValue MemberOf(const TemplateValue& container, std::string_view name) {
  const TemplateDict* members =
      container.dict() != nullptr ? container.dict() : container.namespace_members();
  const TemplateValue* found = members == nullptr ? nullptr : FindMember(*members, name);
  return found == nullptr ? TemplateValue::MakeUndefined(name) : *found;
}

}  // namespace pass
