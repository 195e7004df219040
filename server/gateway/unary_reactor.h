// Answers a generation with one message, into which the engine's reports are gathered.
//
// The template's argument is a class `Reply` with the members that stream_reactor.h names; its Message is the
// answer. It is used on the engine's thread.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "core/engine/token_sink.h"
#include "server/gateway/gateway.h"
#include "server/gateway/generation_call.h"
#include "server/status_conversion.h"

namespace pass {

// Threads: the engine's (TokenSink), then gRPC's (OnDone); OnCancel beside either. Finish is called once, in
// OnFinish; the object lives until OnDone was called and the engine has let it go.
template <typename Reply>
class UnaryReactor final : public grpc::ServerUnaryReactor, public TokenSink {
 public:
  // Submits the request. On an error, which is for the client, no reactor is left. `call`: the name of the
  // dialect's method, for the log. `response` is gRPC's until OnDone.
  static absl::StatusOr<UnaryReactor*> Start(Gateway::Admission admission,
                                             grpc::CallbackServerContext* context, const char* call,
                                             typename Reply::Message* response, Reply reply) {
    std::shared_ptr<UnaryReactor> reactor(
        new UnaryReactor(admission, context, call, response, std::move(reply)));
    PASS_RETURN_IF_ERROR(reactor->call_.Submit(std::move(admission.request), reactor));
    UnaryReactor* const bound = reactor.get();
    // OnDone cannot come before the reactor is returned to gRPC, so that nothing reads `self_` yet.
    bound->self_ = std::move(reactor);
    return bound;
  }

  void OnStep(const StepReport& report) override { reply_.AddStep(report, response_); }

  void OnFinish(const FinishReport& report) override {
    const GenerationCall::End end = call_.Finish(report);
    reply_.AddFinish(report, response_);
    Finish(ToGrpcStatus(end.status, context_));
  }

  void OnCancel() override { call_.Cancel(); }

  void OnDone() override {
    call_.LogEnd();
    const std::shared_ptr<UnaryReactor> last_use = std::move(self_);
  }

 private:
  UnaryReactor(const Gateway::Admission& admission, grpc::CallbackServerContext* context, const char* call,
               typename Reply::Message* response, Reply reply)
      : context_(context),
        response_(response),
        call_(*admission.environment, *context, admission.request, call),
        reply_(std::move(reply)) {}

  grpc::CallbackServerContext* const context_;
  typename Reply::Message* const response_;
  GenerationCall call_;
  Reply reply_;
  std::shared_ptr<UnaryReactor> self_;  // gRPC's share; let go in OnDone
};

// A dialect's whole handler: admits, translates and answers, or rejects.
template <typename Reply>
grpc::ServerUnaryReactor* AnswerWithMessage(const Gateway& gateway, grpc::CallbackServerContext* context,
                                            const char* call, Gateway::Translation translate,
                                            typename Reply::Message* response, Reply reply = {}) {
  const auto start = [&]() -> absl::StatusOr<UnaryReactor<Reply>*> {
    PASS_ASSIGN_OR_RETURN(Gateway::Admission admission, gateway.Admit(*context, translate));
    return UnaryReactor<Reply>::Start(std::move(admission), context, call, response, std::move(reply));
  };
  const absl::StatusOr<UnaryReactor<Reply>*> reactor = start();
  if (reactor.ok()) return *reactor;
  grpc::ServerUnaryReactor* refused = context->DefaultReactor();
  refused->Finish(gateway.Reject(reactor.status(), context, call));
  return refused;
}

// A call that is answered at once, without the engine: Tokenize and its like. Not counted, and logged
// only where the tokenizer fails, by the dialect.
inline grpc::ServerUnaryReactor* AnswerAtOnce(const absl::Status& status,
                                              grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, context));
  return reactor;
}

}  // namespace pass
