#include "server/stream_reactor.h"

#include <utility>

#include "core/base/status_macros.h"
#include "server/reply.h"
#include "server/status_conversion.h"

namespace pass {

StreamReactor::StreamReactor(const CallEnvironment& environment, grpc::CallbackServerContext* context,
                             const GenerationRequest& request)
    : context_(context), call_(environment, *context, request, "Generate") {}

absl::StatusOr<StreamReactor*> StreamReactor::Start(const CallEnvironment& environment,
                                                    grpc::CallbackServerContext* context,
                                                    GenerationRequest request) {
  std::shared_ptr<StreamReactor> reactor(new StreamReactor(environment, context, request));
  PASS_RETURN_IF_ERROR(reactor->call_.Submit(std::move(request), reactor));
  StreamReactor* const bound = reactor.get();
  // OnDone cannot come before the reactor is returned to gRPC, so that nothing reads `self_` yet.
  bound->self_ = std::move(reactor);
  return bound;
}

void StreamReactor::OnStep(const StepReport& report) {
  absl::MutexLock lock(&mutex_);
  if (broken_) return;
  AppendStep(report, &gathering_);
  gathered_ = true;
  SendNext();
}

void StreamReactor::OnFinish(const FinishReport& report) {
  GenerationCall::End end = call_.Finish(report);
  absl::MutexLock lock(&mutex_);
  SetFinish(report, gathering_.mutable_finish());
  gathered_ = true;
  final_status_ = std::move(end.status);
  // A write that the reader does not take would keep the call open for as long as the reader likes.
  if (end.slow_reader) context_->TryCancel();
  SendNext();
}

bool StreamReactor::HasRoom() const {
  const int out = state_ == State::kWriting ? writing_.token_ids_size() : 0;
  return gathering_.token_ids_size() + out <= call_.environment().outbox_tokens;
}

bool StreamReactor::Ready() const {
  absl::MutexLock lock(&mutex_);
  return broken_ || HasRoom();
}

void StreamReactor::SendNext() {
  if (state_ != State::kIdle || !gathered_) return;
  if (broken_) {
    if (!final_status_.has_value()) return;
    state_ = State::kFinished;
    Finish(ToGrpcStatus(*final_status_, context_));
    return;
  }
  writing_.Clear();
  writing_.Swap(&gathering_);
  gathered_ = false;
  if (writing_.token_ids_size() > 0) call_.environment().metrics->ObserveMessage(writing_.token_ids_size());
  if (final_status_.has_value()) {
    state_ = State::kFinished;
    StartWriteAndFinish(&writing_, grpc::WriteOptions(), ToGrpcStatus(*final_status_, context_));
  } else {
    state_ = State::kWriting;
    StartWrite(&writing_);
  }
}

void StreamReactor::OnWriteDone(bool ok) {
  bool wake = false;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ != State::kWriting) return;
    const bool had_room = HasRoom();
    state_ = State::kIdle;
    broken_ = broken_ || !ok;
    SendNext();
    wake = !had_room && !final_status_.has_value() && (broken_ || HasRoom());
  }
  if (wake) call_.environment().engine->Wake();
}

void StreamReactor::OnCancel() { call_.Cancel(); }

void StreamReactor::OnDone() {
  call_.LogEnd();
  const std::shared_ptr<StreamReactor> last_use = std::move(self_);
}

}  // namespace pass
