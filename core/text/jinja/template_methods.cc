#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/text/jinja/template_functions.h"
#include "core/text/jinja/template_text.h"

namespace pass {
namespace {

constexpr std::array<std::string_view, 12> kTextMethods = {"strip",      "lstrip",   "rstrip",  "split",
                                                           "startswith", "endswith", "upper",   "lower",
                                                           "capitalize", "title",    "replace", "join"};
constexpr std::array<std::string_view, 4> kDictMethods = {"get", "items", "keys", "values"};

absl::Status Misfit(const std::string& method) {
  return UnsupportedInTemplate(absl::StrCat("calls '", method, "' in another form"));
}

// The argument's text; nullopt: there is none.
std::optional<std::string_view> TextAt(const TemplateArguments& arguments, size_t place,
                                       std::string_view name) {
  const TemplateValue* value = arguments.Find(place, name);
  if (value == nullptr || value->text() == nullptr) return std::nullopt;
  return value->text()->text;
}

// Letters beyond ASCII change case by tables that are not here.
absl::StatusOr<TemplateValue> ChangeCase(const MarkedText& text, const std::string& method) {
  MarkedText changed = text;
  bool begins_word = true;
  for (char& letter : changed.text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x80)
      return UnsupportedInTemplate(absl::StrCat("calls '", method, "' on letters beyond ASCII"));
    const bool upper = method == "upper" || (begins_word && method != "lower");
    letter = upper ? absl::ascii_toupper(byte) : absl::ascii_tolower(byte);
    begins_word = method == "title" && !absl::ascii_isalpha(byte);
  }
  return TemplateValue(std::move(changed));
}

// startswith and endswith take a text, or a list of texts of which one fits.
absl::StatusOr<TemplateValue> Fits(const std::string& text, const std::string& method,
                                   const TemplateArguments& arguments) {
  if (arguments.values.size() != 1) return Misfit(method);
  const TemplateValue& wanted = arguments.values[0];
  const TemplateList list = wanted.list() == nullptr ? TemplateList{wanted} : *wanted.list();
  bool fits = false;
  for (const TemplateValue& item : list) {
    if (item.text() == nullptr) return Misfit(method);
    fits = fits ||
           (method == "startswith" ? text.starts_with(item.text()->text) : text.ends_with(item.text()->text));
  }
  return TemplateValue(fits);
}

absl::StatusOr<TemplateValue> Split(const MarkedText& text, const TemplateArguments& arguments) {
  const std::optional<std::string_view> separator = TextAt(arguments, 0, "sep");
  const TemplateValue* max_splits = arguments.Find(1, "maxsplit");
  if ((separator && separator->empty()) || (max_splits != nullptr && !max_splits->is_integer()))
    return Misfit("split");
  TemplateList parts;
  for (MarkedText& part : SplitText(text, separator, max_splits == nullptr ? -1 : max_splits->ToInteger())) {
    parts.emplace_back(std::move(part));
  }
  return TemplateValue(std::move(parts));
}

absl::StatusOr<TemplateValue> CallOnText(const TemplateValue& self, const std::string& method,
                                         const TemplateArguments& arguments) {
  const MarkedText& text = *self.text();
  if (method == "strip") return TemplateValue(Strip(text, TextEnd::kBoth, TextAt(arguments, 0, "chars")));
  if (method == "lstrip") return TemplateValue(Strip(text, TextEnd::kLeft, TextAt(arguments, 0, "chars")));
  if (method == "rstrip") return TemplateValue(Strip(text, TextEnd::kRight, TextAt(arguments, 0, "chars")));
  if (method == "split") return Split(text, arguments);
  if (method == "startswith" || method == "endswith") return Fits(text.text, method, arguments);
  if (method == "upper" || method == "lower" || method == "capitalize" || method == "title") {
    return ChangeCase(text, method);
  }
  if (method == "join") {
    if (arguments.values.size() != 1) return Misfit(method);
    return ApplyFilter("join", {.values = {arguments.values[0], self}, .named = {}});
  }
  const std::optional<std::string_view> from = TextAt(arguments, 0, "old");
  const TemplateValue* to = arguments.Find(1, "new");
  if (method != "replace" || !from || from->empty() || to == nullptr || to->text() == nullptr ||
      arguments.values.size() > 2) {
    return Misfit(method);
  }
  return TemplateValue(ReplaceText(text, *from, *to->text()));
}

absl::StatusOr<TemplateValue> CallOnDict(const TemplateDict& dict, const std::string& method,
                                         const TemplateArguments& arguments) {
  if (method == "get") {
    const std::optional<std::string_view> key = TextAt(arguments, 0, "key");
    if (!key) return Misfit(method);
    const TemplateValue* found = FindMember(dict, *key);
    const TemplateValue* fallback = arguments.Find(1, "default");
    if (found != nullptr) return *found;
    return fallback == nullptr ? TemplateValue() : *fallback;
  }
  TemplateList list;
  for (const auto& [key, value] : dict) {
    const TemplateValue name = TemplateValue::ServerText(key);
    list.push_back(method == "keys"     ? name
                   : method == "values" ? value
                                        : TemplateValue(TemplateList{name, value}));
  }
  return TemplateValue(std::move(list));
}

}  // namespace

bool HasMethod(const TemplateValue& self, std::string_view name) {
  if (self.text() != nullptr) return std::ranges::find(kTextMethods, name) != kTextMethods.end();
  return self.dict() != nullptr && std::ranges::find(kDictMethods, name) != kDictMethods.end();
}

absl::StatusOr<TemplateValue> CallMethod(const TemplateValue& self, const std::string& name,
                                         const TemplateArguments& arguments) {
  if (self.text() != nullptr) return CallOnText(self, name, arguments);
  if (self.dict() != nullptr) return CallOnDict(*self.dict(), name, arguments);
  return UnsupportedInTemplate(absl::StrCat("calls '", name, "' of ", self.Describe()));
}

}  // namespace pass
