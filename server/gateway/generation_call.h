// One generation from the server's side, whatever the dialect: the way into the engine, the cancel, the
// status at the end, what is counted, and the one log line about it. A part of the reactor that answers the
// call.
//
// Thread-safe: gRPC's threads call it beside the engine's.
#pragma once

#include <grpcpp/server_context.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "core/engine/request.h"
#include "core/engine/token_sink.h"
#include "server/gateway/request_table.h"
#include "server/metrics.h"

namespace pass {

// Whether a call that is cancelled at `now` ran into its deadline. A client's own deadline cancels the call a
// little before the server's copy of it passes, which started later and was rounded up to two or three digits
// on its way.
bool IsDeadline(absl::Time now, absl::Time received, absl::Time deadline);

// What every call uses. All pointers are borrowed and outlive the calls.
struct CallEnvironment {
  EngineThread* engine = nullptr;
  RequestTable* requests = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  int outbox_tokens = 256;  // a stream with more unsent tokens pauses
};

class GenerationCall {
 public:
  // `kind`: the name of the dialect's method, for the log.
  GenerationCall(const CallEnvironment& environment, const grpc::CallbackServerContext& context,
                 const GenerationRequest& request, std::string kind);
  GenerationCall(const GenerationCall&) = delete;
  GenerationCall& operator=(const GenerationCall&) = delete;

  const CallEnvironment& environment() const { return environment_; }

  // gRPC thread, once, before the reactor is returned. `request`: the one that the call was made for. Errors
  // of RequestTable::Submit.
  absl::Status Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);

  // gRPC thread: the client has gone, or the deadline has passed.
  void Cancel();

  struct End {
    absl::Status status;       // for the client
    bool slow_reader = false;  // the engine gave the reader up: the stream is to be reset
  };
  // Engine's thread, once: counts, frees the request's id and keeps the report for the log.
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

  absl::Mutex mutex_;
  // The id in the table is this call's. A late cancel must not reach another call that has the id by then.
  bool in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<FinishReport> report_;  // written before the reactor's Finish, read after it
};

}  // namespace pass
