#include "core/checkpoint/hf_keys.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();

bool IsSize(const nlohmann::json& value) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  return number >= 0 && number <= kLargest && number == std::floor(number);
}

}  // namespace

const nlohmann::json* HfKeys::Find(const char* key) const {
  const auto member = object_.find(key);
  return member == object_.end() || member->is_null() ? nullptr : &*member;
}

absl::Status HfKeys::Error(const char* key, const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, ": ", key, " ", what));
}

absl::Status HfKeys::Missing(const char* key) const {
  return Error(key, "is missing; add it as the model's authors have it");
}

absl::Status HfKeys::WrongValue(const char* key, const std::string& wanted,
                                const nlohmann::json& found) const {
  const std::string text = found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return Error(key, absl::StrCat("must be ", wanted, ", not ", Printable(text), "; correct it"));
}

absl::StatusOr<int32_t> HfKeys::Size(const char* key, std::optional<int32_t> absent) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr && absent) return *absent;
  if (member == nullptr) return Missing(key);
  if (!IsSize(*member)) return WrongValue(key, absl::StrCat("a whole number of 0 to ", kLargest), *member);
  return static_cast<int32_t>(member->get<double>());
}

absl::StatusOr<double> HfKeys::Number(const char* key, std::optional<double> absent) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr && absent) return *absent;
  if (member == nullptr) return Missing(key);
  if (!member->is_number()) return WrongValue(key, "a number", *member);
  return member->get<double>();
}

absl::StatusOr<bool> HfKeys::Flag(const char* key, bool absent) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr) return absent;
  if (!member->is_boolean()) return WrongValue(key, "true or false", *member);
  return member->get<bool>();
}

absl::StatusOr<std::string> HfKeys::Text(const char* key, std::string_view absent) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr) return std::string(absent);
  if (!member->is_string()) return WrongValue(key, "a string", *member);
  return member->get<std::string>();
}

absl::StatusOr<const nlohmann::json*> HfKeys::List(const char* key, int count) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr) return nullptr;
  if (!member->is_array()) return WrongValue(key, "a list", *member);
  if (member->size() < static_cast<size_t>(count)) {
    return Error(key, absl::StrCat("has ", member->size(), " elements for ", count, " layers; correct it"));
  }
  return member;
}

absl::StatusOr<std::optional<std::vector<std::string>>> HfKeys::Texts(const char* key, int count) const {
  PASS_ASSIGN_OR_RETURN(const nlohmann::json* list, List(key, count));
  if (list == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    const nlohmann::json& element = (*list)[static_cast<size_t>(i)];
    if (!element.is_string()) return WrongValue(key, "a list of strings", element);
    texts.push_back(element.get<std::string>());
  }
  return texts;
}

absl::StatusOr<std::optional<std::vector<int32_t>>> HfKeys::Sizes(const char* key, int count) const {
  PASS_ASSIGN_OR_RETURN(const nlohmann::json* list, List(key, count));
  if (list == nullptr) return std::nullopt;
  std::vector<int32_t> sizes;
  for (int i = 0; i < count; ++i) {
    const nlohmann::json& element = (*list)[static_cast<size_t>(i)];
    if (!IsSize(element)) return WrongValue(key, "a list of whole numbers", element);
    sizes.push_back(static_cast<int32_t>(element.get<double>()));
  }
  return sizes;
}

absl::StatusOr<std::optional<HfKeys>> HfKeys::Object(const char* key) const {
  const nlohmann::json* member = Find(key);
  if (member == nullptr) return std::nullopt;
  if (!member->is_object()) return Error(key, "is not an object; correct it");
  return HfKeys(path_, *member);
}

}  // namespace pass
