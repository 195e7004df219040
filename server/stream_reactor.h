// The server's side of one Generate call: takes the engine's reports, writes messages.
//
// Threads: the engine's (TokenSink) and gRPC's (On...), beside each other; one mutex orders them.
//
// Invariants
//  1. At most one write is out. What the engine reports meanwhile is merged into the next message.
//  2. Finish is called exactly once, after the engine's OnFinish and after the last write has come back.
//  3. Nothing touches the call after Finish. The object lives until OnDone was called and the engine has let
//  it go.
//  4. With more than `outbox_tokens` unsent tokens the sink is not Ready, and the engine pauses the sequence.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/token_sink.h"
#include "proto/messages.h"
#include "server/generation_call.h"

namespace pass {

class StreamReactor final : public grpc::ServerWriteReactor<v1::GenerateResponse>, public TokenSink {
 public:
  // Submits the request. On an error, which is for the client, no reactor is left.
  static absl::StatusOr<StreamReactor*> Start(const CallEnvironment& environment,
                                              grpc::CallbackServerContext* context,
                                              GenerationRequest request);

  void OnStep(const StepReport& report) override;
  void OnFinish(const FinishReport& report) override;
  bool Ready() const override;

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  StreamReactor(const CallEnvironment& environment, grpc::CallbackServerContext* context,
                const GenerationRequest& request);

  enum class State { kIdle, kWriting, kFinished };

  void SendNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  grpc::CallbackServerContext* const context_;
  GenerationCall call_;
  std::shared_ptr<StreamReactor> self_;  // gRPC's share; let go in OnDone

  mutable absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a write failed: the client has gone
  bool gathered_ ABSL_GUARDED_BY(mutex_) = false;
  v1::GenerateResponse gathering_ ABSL_GUARDED_BY(mutex_);
  v1::GenerateResponse writing_ ABSL_GUARDED_BY(mutex_);  // gRPC's while a write is out
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace pass
