#include "server/gateway/generation_call.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
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

GenerationCall::GenerationCall(const CallEnvironment& environment, const grpc::CallbackServerContext& context,
                               const GenerationRequest& request, std::string kind)
    : environment_(environment),
      kind_(std::move(kind)),
      id_(request.id),
      peer_(context.peer()),
      method_(request.method),
      received_(request.received),
      deadline_(request.deadline) {}

absl::Status GenerationCall::Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink) {
  absl::MutexLock lock(&mutex_);
  PASS_RETURN_IF_ERROR(environment_.requests->Submit(std::move(request), std::move(sink)));
  in_flight_ = true;
  return absl::OkStatus();
}

void GenerationCall::Cancel() {
  const bool expired = IsDeadline(environment_.clock->Now(), received_, deadline_);
  absl::MutexLock lock(&mutex_);
  if (!in_flight_) return;
  environment_.requests->Cancel(id_, expired ? FinishReason::kDeadline : FinishReason::kCancelled);
}

GenerationCall::End GenerationCall::Finish(const FinishReport& report) {
  report_ = report;
  bool cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    in_flight_ = false;
    cancelled = environment_.requests->Remove(id_);
  }
  End end{.status = StatusOf(report, id_)};
  environment_.metrics->CountStatus(end.status.code());
  if (report.reason == FinishReason::kDeadline) {
    environment_.metrics->CountCancelled(CancelCause::kDeadline);
  } else if (report.reason == FinishReason::kCancelled) {
    end.slow_reader = !cancelled;
    if (end.slow_reader) end.status = report_->error = SlowReaderError();
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
