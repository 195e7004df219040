// Answers a generation with a stream of messages. The dialect says how the engine's reports become a message;
// when a message is written is decided here.
//
// The template's argument is the dialect's class `Reply`. Each call has one object of it, used under the
// reactor's mutex. It has these members:
//   using Message = ...;                              the protobuf message of the stream
//   void AddStep(const StepReport&, Message*);        adds a step to a message that may hold earlier ones
//   void AddFinish(const FinishReport&, Message*);    adds the end to the last message; called once
#pragma once

#include <grpc/grpc.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status_macros.h"
#include "core/engine/token_sink.h"
#include "server/gateway/gateway.h"
#include "server/gateway/generation_call.h"
#include "server/status_conversion.h"

namespace pass {

// Threads: the engine's (TokenSink) and gRPC's (On...), beside each other; one mutex orders them.
//
// Invariants
//  1. At most one write is out. What the engine reports meanwhile is merged into the next message.
//  2. Finish is called exactly once, after the engine's OnFinish and after the last write has come back.
//  3. Nothing touches the call after Finish. The object lives until OnDone was called and the engine has let
//  it go.
//  4. With more than `outbox_tokens` unsent tokens the sink is not Ready, and the engine pauses the sequence.
template <typename Reply>
class StreamReactor final : public grpc::ServerWriteReactor<typename Reply::Message>, public TokenSink {
 public:
  // Submits the request. On an error, which is for the client, no reactor is left. `call`: the name of the
  // dialect's method, for the log.
  static absl::StatusOr<StreamReactor*> Start(Gateway::Admission admission,
                                              grpc::CallbackServerContext* context, const char* call,
                                              Reply reply) {
    std::shared_ptr<StreamReactor> reactor(new StreamReactor(admission, context, call, std::move(reply)));
    PASS_RETURN_IF_ERROR(reactor->call_.Submit(std::move(admission.request), reactor));
    StreamReactor* const bound = reactor.get();
    // OnDone cannot come before the reactor is returned to gRPC, so that nothing reads `self_` yet.
    bound->self_ = std::move(reactor);
    return bound;
  }

  void OnStep(const StepReport& report) override {
    absl::MutexLock lock(&mutex_);
    if (broken_) return;
    reply_.AddStep(report, &gathering_);
    gathering_tokens_ += report.token_ids.size();
    gathered_ = true;
    SendNext();
  }

  void OnFinish(const FinishReport& report) override {
    GenerationCall::End end = call_.Finish(report);
    absl::MutexLock lock(&mutex_);
    reply_.AddFinish(report, &gathering_);
    gathered_ = true;
    final_status_ = std::move(end.status);
    // A write that the reader does not take would keep the call open for as long as the reader likes. As
    // TryCancel does it, but with words of our own: the status overtakes what is not read.
    if (end.slow_reader) {
      grpc_call_cancel_with_status(context_->c_call(), GRPC_STATUS_CANCELLED,
                                   std::string(final_status_->message()).c_str(), nullptr);
    }
    SendNext();
  }

  bool Ready() const override {
    absl::MutexLock lock(&mutex_);
    return broken_ || HasRoom();
  }

  void OnWriteDone(bool ok) override {
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

  void OnCancel() override { call_.Cancel(); }

  void OnDone() override {
    call_.LogEnd();
    const std::shared_ptr<StreamReactor> last_use = std::move(self_);
  }

 private:
  enum class State { kIdle, kWriting, kFinished };

  StreamReactor(const Gateway::Admission& admission, grpc::CallbackServerContext* context, const char* call,
                Reply reply)
      : context_(context),
        call_(*admission.environment, *context, admission.request, call),
        reply_(std::move(reply)) {}

  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    const size_t out = state_ == State::kWriting ? writing_tokens_ : 0;
    return gathering_tokens_ + out <= static_cast<size_t>(call_.environment().outbox_tokens);
  }

  void SendNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (state_ != State::kIdle || !gathered_) return;
    if (broken_) {
      if (!final_status_.has_value()) return;
      state_ = State::kFinished;
      this->Finish(ToGrpcStatus(*final_status_, context_));
      return;
    }
    writing_.Clear();
    writing_.Swap(&gathering_);
    writing_tokens_ = std::exchange(gathering_tokens_, 0);
    gathered_ = false;
    if (writing_tokens_ > 0) call_.environment().metrics->ObserveMessage(static_cast<int>(writing_tokens_));
    if (final_status_.has_value()) {
      state_ = State::kFinished;
      this->StartWriteAndFinish(&writing_, grpc::WriteOptions(), ToGrpcStatus(*final_status_, context_));
    } else {
      state_ = State::kWriting;
      this->StartWrite(&writing_);
    }
  }

  grpc::CallbackServerContext* const context_;
  GenerationCall call_;
  std::shared_ptr<StreamReactor> self_;  // gRPC's share; let go in OnDone

  mutable absl::Mutex mutex_;
  Reply reply_ ABSL_GUARDED_BY(mutex_);
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a write failed: the client has gone
  bool gathered_ ABSL_GUARDED_BY(mutex_) = false;
  typename Reply::Message gathering_ ABSL_GUARDED_BY(mutex_);
  typename Reply::Message writing_ ABSL_GUARDED_BY(mutex_);  // gRPC's while a write is out
  size_t gathering_tokens_ ABSL_GUARDED_BY(mutex_) = 0;      // of each message
  size_t writing_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
};

// A stream that only says no.
template <typename Message>
class RefusedStream final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit RefusedStream(grpc::Status status) { this->Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

// A dialect's whole handler: admits, translates and answers, or rejects.
template <typename Reply>
grpc::ServerWriteReactor<typename Reply::Message>* AnswerWithStream(const Gateway& gateway,
                                                                    grpc::CallbackServerContext* context,
                                                                    const char* call,
                                                                    Gateway::Translation translate,
                                                                    Reply reply = {}) {
  const auto start = [&]() -> absl::StatusOr<StreamReactor<Reply>*> {
    PASS_ASSIGN_OR_RETURN(Gateway::Admission admission, gateway.Admit(*context, translate));
    return StreamReactor<Reply>::Start(std::move(admission), context, call, std::move(reply));
  };
  const absl::StatusOr<StreamReactor<Reply>*> reactor = start();
  if (reactor.ok()) return *reactor;
  return new RefusedStream<typename Reply::Message>(gateway.Reject(reactor.status(), context, call));
}

}  // namespace pass
