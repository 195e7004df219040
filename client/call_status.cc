#include "absl/strings/str_cat.h"
#include "client/pass_client.h"

namespace pass {

std::string_view CallStatus::code_name() const {
  switch (code) {
    case grpc::StatusCode::OK:
      return "OK";
    case grpc::StatusCode::CANCELLED:
      return "CANCELLED";
    case grpc::StatusCode::INVALID_ARGUMENT:
      return "INVALID_ARGUMENT";
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return "DEADLINE_EXCEEDED";
    case grpc::StatusCode::NOT_FOUND:
      return "NOT_FOUND";
    case grpc::StatusCode::ALREADY_EXISTS:
      return "ALREADY_EXISTS";
    case grpc::StatusCode::PERMISSION_DENIED:
      return "PERMISSION_DENIED";
    case grpc::StatusCode::UNAUTHENTICATED:
      return "UNAUTHENTICATED";
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return "RESOURCE_EXHAUSTED";
    case grpc::StatusCode::FAILED_PRECONDITION:
      return "FAILED_PRECONDITION";
    case grpc::StatusCode::ABORTED:
      return "ABORTED";
    case grpc::StatusCode::OUT_OF_RANGE:
      return "OUT_OF_RANGE";
    case grpc::StatusCode::UNIMPLEMENTED:
      return "UNIMPLEMENTED";
    case grpc::StatusCode::INTERNAL:
      return "INTERNAL";
    case grpc::StatusCode::UNAVAILABLE:
      return "UNAVAILABLE";
    case grpc::StatusCode::DATA_LOSS:
      return "DATA_LOSS";
    default:
      return "UNKNOWN";
  }
}

std::string CallStatus::ToString() const {
  const std::string_view name = code_name();
  std::string text = absl::StrCat(absl::string_view(name.data(), name.size()), ": ", message);
  for (const FieldViolation& violation : violations) {
    const std::string line = absl::StrCat(violation.field, ": ", violation.description);
    // A server may name the violations in its message already, for clients that read no details.
    if (message.find(line) == std::string::npos) absl::StrAppend(&text, "\n  ", line);
  }
  if (retry_after_seconds.has_value()) {
    absl::StrAppend(&text, "\n  retry after ", *retry_after_seconds, " s");
  }
  return text;
}

}  // namespace pass
