// What a streamed and a unary generation have in common: the way into the engine, the cancel, the status at
// the end and the one log line about it. A part of a reactor.
#pragma once

#include <grpcpp/server_context.h>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "core/engine/request.h"
#include "core/engine/token_sink.h"
#include "server/metrics.h"

namespace pass {

// The ids of generations in flight, so that a duplicate is refused. Thread-safe.
class RequestIds {
 public:
  bool Insert(const std::string& id);
  void Erase(const std::string& id);

 private:
  absl::Mutex mutex_;
  std::set<std::string> ids_ ABSL_GUARDED_BY(mutex_);
};

// Whether a call that is cancelled at `now` ran into its deadline. A client's own deadline cancels the call a
// little before the server's copy of it passes, which started later and was rounded up to two or three digits
// on its way.
bool IsDeadline(absl::Time now, absl::Time received, absl::Time deadline);

// Borrowed by every call; outlives them.
struct CallEnvironment {
  EngineThread* engine = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  RequestIds* ids = nullptr;
  int outbox_tokens = 256;
};

class GenerationCall {
 public:
  // `request.id` is in `environment.ids` already; the call takes it out before the client can know of its
  // end. `kind`: the method's name, for the log.
  GenerationCall(const CallEnvironment& environment, const grpc::CallbackServerContext& context,
                 const GenerationRequest& request, std::string kind);
  ~GenerationCall();
  GenerationCall(const GenerationCall&) = delete;
  GenerationCall& operator=(const GenerationCall&) = delete;

  const CallEnvironment& environment() const { return environment_; }

  // gRPC thread, once, before the reactor is returned. An error is what the client is to hear; the sink then
  // gets nothing.
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);

  // gRPC thread: the client has gone, or the deadline has passed.
  void Cancel();

  struct End {
    absl::Status status;       // for the client
    bool slow_reader = false;  // the engine gave the reader up: the stream is to be reset
  };
  // Engine's thread, once: counts, and keeps the report for the log.
  End Finish(const FinishReport& report);

  // gRPC thread, after everything else.
  void LogEnd() const;

 private:
  const CallEnvironment environment_;
  const std::string kind_;
  const std::string id_;
  const std::string peer_;
  const Method method_;
  const absl::Time received_;
  const absl::Time deadline_;
  std::atomic<RequestHandle> handle_{0};
  std::atomic<bool> cancelled_{false};
  bool holds_id_ = true;
  std::optional<FinishReport> report_;  // written before the reactor's Finish, read after it
};

}  // namespace pass
