#include "server/generation_call.h"

#include <algorithm>
#include <utility>

#include "server/logging.h"
#include "server/status_conversion.h"

namespace pass {
namespace {

absl::Status StatusOf(const FinishReport& report, const std::string& id) {
  switch (report.reason) {
    case FinishReason::kStop:
    case FinishReason::kLength:
      return absl::OkStatus();
    case FinishReason::kCancelled:
      return absl::CancelledError("cancelled");
    case FinishReason::kDeadline:
      return DeadlinePassedError();
    case FinishReason::kError:
      break;
  }
  // An error without a status is a broken invariant of the engine: an internal error too.
  return report.error.ok() ? ClientError(absl::InternalError(""), id) : ClientError(report.error, id);
}

}  // namespace

bool IsDeadline(absl::Time now, absl::Time received, absl::Time deadline) {
  if (deadline == absl::InfiniteFuture()) return false;
  return deadline - now <= std::max(absl::Milliseconds(20), (deadline - received) / 50);
}

bool RequestIds::Insert(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  return ids_.insert(id).second;
}

void RequestIds::Erase(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  ids_.erase(id);
}

GenerationCall::GenerationCall(const CallEnvironment& environment, const grpc::CallbackServerContext& context,
                               const GenerationRequest& request, std::string kind)
    : environment_(environment),
      kind_(std::move(kind)),
      id_(request.id),
      peer_(context.peer()),
      method_(request.method),
      received_(request.received),
      deadline_(request.deadline) {}

GenerationCall::~GenerationCall() {
  if (holds_id_) environment_.ids->Erase(id_);
}

absl::Status GenerationCall::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  absl::StatusOr<RequestHandle> handle = environment_.engine->Submit(std::move(request), std::move(sink));
  if (!handle.ok()) return ClientError(handle.status(), id_);
  handle_.store(*handle);
  return absl::OkStatus();
}

void GenerationCall::Cancel() {
  const bool expired = IsDeadline(environment_.clock->Now(), received_, deadline_);
  cancelled_.store(true);
  environment_.engine->Cancel(handle_.load(), expired ? FinishReason::kDeadline : FinishReason::kCancelled);
}

GenerationCall::End GenerationCall::Finish(const FinishReport& report) {
  report_ = report;
  environment_.ids->Erase(id_);
  holds_id_ = false;
  End end{.status = StatusOf(report, id_)};
  if (report.reason == FinishReason::kDeadline) {
    environment_.metrics->CountCancelled(CancelCause::kDeadline);
  } else if (report.reason == FinishReason::kCancelled) {
    end.slow_reader = !cancelled_.load();
    environment_.metrics->CountCancelled(end.slow_reader ? CancelCause::kSlowReader : CancelCause::kClient);
  } else if (end.status.code() == absl::StatusCode::kUnavailable) {
    environment_.metrics->CountCancelled(CancelCause::kDrain);
  }
  return end;
}

void GenerationCall::LogEnd() const {
  if (!report_.has_value()) return;
  const FinishReport& report = *report_;
  Log(report.error.ok() ? LogLevel::kInfo : LogLevel::kWarning, "request",
      {{"id", id_},
       {"peer", peer_},
       {"call", kind_},
       {"outcome", std::string(FinishReasonName(report.reason))},
       {"prompt_tokens", int64_t{report.prompt_tokens}},
       {"completion_tokens", int64_t{report.completion_tokens}},
       {"method", std::string(MethodName(method_))},
       {"drafted", report.speculation.drafted},
       {"accepted", report.speculation.accepted},
       {"first_token_ms", absl::ToDoubleMilliseconds(report.timing.first_token)},
       {"total_ms", absl::ToDoubleMilliseconds(report.timing.total)},
       {"error", std::string(report.error.message())}});
}

}  // namespace pass
