#include "core/checkpoint/gguf_keys.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/printable.h"

namespace pass {

absl::Status GgufKeys::Error(const std::string& what) const {
  return absl::InvalidArgumentError(absl::StrCat(file_.path(), ": ", what));
}

absl::StatusOr<int32_t> GgufKeys::Size(std::string_view key, std::optional<int32_t> absent) const {
  const std::string name = Name(key);
  PASS_ASSIGN_OR_RETURN(const std::optional<uint64_t> value, file_.FindUint(name));
  if (!value && absent) return *absent;
  if (!value)
    return Error(absl::StrCat("metadata key ", Printable(name), " is missing; convert the model again"));
  if (*value > uint64_t{std::numeric_limits<int32_t>::max()}) {
    return Error(
        absl::StrCat("metadata key ", Printable(name), " is ", *value, ", which is no size of a model"));
  }
  return static_cast<int32_t>(*value);
}

absl::StatusOr<double> GgufKeys::Number(std::string_view key, double absent) const {
  PASS_ASSIGN_OR_RETURN(const std::optional<double> value, file_.FindDouble(Name(key)));
  return value.value_or(absent);
}

absl::StatusOr<std::optional<std::string>> GgufKeys::Text(std::string_view key) const {
  return file_.FindString(Name(key));
}

const TensorView* GgufKeys::FindTensor(std::string_view name) const {
  const auto found = std::find_if(file_.tensors().begin(), file_.tensors().end(),
                                  [&](const TensorView& tensor) { return tensor.name == name; });
  return found == file_.tensors().end() ? nullptr : &*found;
}

}  // namespace pass
