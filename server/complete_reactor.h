// The server's side of one Complete call: gathers the engine's reports into one message.
//
// Threads: the engine's (TokenSink), then gRPC's (OnDone); OnCancel beside either. Finish is called once, in
// OnFinish; the object lives until OnDone was called and the engine has let it go.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>

#include "core/engine/token_sink.h"
#include "proto/messages.h"
#include "server/generation_call.h"

namespace pass {

class CompleteReactor final : public grpc::ServerUnaryReactor, public TokenSink {
 public:
  // Submits the request. On an error, which is for the client, no reactor is left. `response` is gRPC's until
  // OnDone.
  static absl::StatusOr<CompleteReactor*> Start(const CallEnvironment& environment,
                                                grpc::CallbackServerContext* context,
                                                GenerationRequest request, v1::CompleteResponse* response);

  void OnStep(const StepReport& report) override;
  void OnFinish(const FinishReport& report) override;

  void OnCancel() override;
  void OnDone() override;

 private:
  CompleteReactor(const CallEnvironment& environment, grpc::CallbackServerContext* context,
                  const GenerationRequest& request, v1::CompleteResponse* response);

  grpc::CallbackServerContext* const context_;
  v1::CompleteResponse* const response_;
  GenerationCall call_;
  std::shared_ptr<CompleteReactor> self_;  // gRPC's share; let go in OnDone
};

}  // namespace pass
