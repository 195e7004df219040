#include "core/decode/methods.h"

namespace pass {

std::optional<Method> MethodOfName(std::string_view name) {
  for (size_t i = 0; i <= kNumMethods; ++i) {
    const auto method = static_cast<Method>(i);
    if (name == MethodName(method)) return method;
  }
  return std::nullopt;
}

std::string MethodNames() {
  std::string names(MethodName(Method::kAuto));
  for (size_t i = 0; i < kNumMethods; ++i) {
    names += i + 1 == kNumMethods ? " or " : ", ";
    names += kMethods[i].name;
  }
  return names;
}

}  // namespace pass
