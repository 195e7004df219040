// The words for enums in logs, metrics and messages.
#include <string_view>

#include "core/engine/forward_report.h"
#include "core/engine/token_sink.h"

namespace pass {

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
  if (kind == ForwardKind::kPrefill) return "prefill";
  return kind == ForwardKind::kMixed ? "mixed" : kMethods[IndexOf(kind)].name;
}

}  // namespace pass
