// The words for enums in logs, metrics and messages.
#include <optional>
#include <string_view>

#include "core/engine/observer.h"
#include "core/engine/request.h"
#include "core/engine/token_sink.h"

namespace pass {

std::string_view MethodName(Method method) {
  switch (method) {
    case Method::kPlain:
      return "plain";
    case Method::kPass:
      return "pass";
    case Method::kTree:
      return "tree";
    case Method::kAuto:
      return "auto";
  }
  return "unknown";
}

std::optional<Method> MethodOfName(std::string_view name) {
  for (Method method : {Method::kPlain, Method::kPass, Method::kTree, Method::kAuto}) {
    if (name == MethodName(method)) return method;
  }
  return std::nullopt;
}

std::string_view FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kDeadline:
      return "deadline";
    case FinishReason::kError:
      return "error";
  }
  return "unknown";
}

std::string_view ForwardKindName(ForwardKind kind) {
  switch (kind) {
    case ForwardKind::kPlain:
      return "plain";
    case ForwardKind::kPass:
      return "pass";
    case ForwardKind::kTree:
      return "tree";
    case ForwardKind::kPrefill:
      return "prefill";
    case ForwardKind::kMixed:
      return "mixed";
  }
  return "unknown";
}

}  // namespace pass
