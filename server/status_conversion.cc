#include "server/status_conversion.h"

#include <google/protobuf/any.pb.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace pass {
namespace {

constexpr char kTypePrefix[] = "type.googleapis.com/";
constexpr char kRetryInfoType[] = "type.googleapis.com/google.rpc.RetryInfo";

// A queue moves within about a second; loading and draining take longer, and another replica may answer at
// once.
constexpr absl::Duration kQueueRetry = absl::Seconds(1);
constexpr absl::Duration kUnavailableRetry = absl::Seconds(2);

template <typename Detail>
absl::Status WithDetail(absl::Status status, const Detail& detail) {
  status.SetPayload(absl::StrCat(kTypePrefix, Detail::descriptor()->full_name()),
                    absl::Cord(detail.SerializeAsString()));
  return status;
}

absl::Status WithRetry(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  return WithDetail(std::move(status), info);
}

}  // namespace

void Violations::Add(std::string field, std::string description) {
  if (reported_.size() < kMaxReported) {
    reported_.push_back({std::move(field), std::move(description)});
  } else {
    ++left_out_;
  }
}

absl::Status Violations::ToStatus() const {
  if (empty()) return absl::OkStatus();
  google::rpc::BadRequest bad_request;
  std::string message = "invalid request:";
  for (const Violation& violation : reported_) {
    auto* entry = bad_request.add_field_violations();
    entry->set_field(violation.field);
    entry->set_description(violation.description);
    absl::StrAppend(&message, entry == &bad_request.field_violations(0) ? " " : "; ", violation.field, ": ",
                    violation.description);
  }
  if (left_out_ > 0) absl::StrAppend(&message, "; and ", left_out_, " more");
  return WithDetail(absl::InvalidArgumentError(message), bad_request);
}

absl::Status LoadingError() {
  return WithRetry(absl::UnavailableError("the model is still loading"), kUnavailableRetry);
}

absl::Status DrainingError() {
  return WithRetry(absl::UnavailableError("the server is shutting down; try another replica"),
                   kUnavailableRetry);
}

absl::Status QueueFullError() {
  return WithRetry(absl::ResourceExhaustedError("the queue is full; try again after the given delay"),
                   kQueueRetry);
}

absl::Status DeadlinePassedError() { return absl::DeadlineExceededError("the deadline has passed"); }

absl::Status SlowReaderError() {
  return absl::CancelledError(
      "the reader took no message for too long; read faster, or raise the server's --slow-reader-timeout");
}

absl::Status DuplicateIdError() {
  return absl::AlreadyExistsError("a request with this request_id is in flight");
}

absl::Status NoLookaheadError(std::string_view method) {
  return absl::FailedPreconditionError(
      absl::StrCat("method \"", std::string(method), "\" needs look-ahead tokens, and none are loaded"));
}

absl::Status ClientError(const absl::Status& error, const std::string& request_id) {
  switch (error.code()) {
    case absl::StatusCode::kOk:
      return error;
    case absl::StatusCode::kUnavailable:
      return DrainingError();
    case absl::StatusCode::kResourceExhausted:
      return QueueFullError();
    case absl::StatusCode::kDeadlineExceeded:
      return DeadlinePassedError();
    case absl::StatusCode::kCancelled:
      return absl::CancelledError("cancelled");
    case absl::StatusCode::kInvalidArgument:
      return absl::InvalidArgumentError("the request does not fit the loaded model's keys and values");
    default:
      return absl::InternalError(
          absl::StrCat("internal error; the server's log knows it as request ", request_id));
  }
}

grpc::Status ToGrpcStatus(const absl::Status& status, grpc::ServerContextBase* context) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message(status.message());
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));  // absl's codes are gRPC's
  details.set_message(message);
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(std::string(type));
    any->set_value(std::string(payload));
    google::rpc::RetryInfo retry;
    if (context != nullptr && status.code() == absl::StatusCode::kResourceExhausted &&
        type == kRetryInfoType && retry.ParseFromString(any->value())) {
      context->AddTrailingMetadata("grpc-retry-pushback-ms",
                                   absl::StrCat(retry.retry_delay().seconds() * int64_t{1000}));
    }
  });
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), message,
                      details.details().empty() ? "" : details.SerializeAsString());
}

}  // namespace pass
