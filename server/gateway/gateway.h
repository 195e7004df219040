// The way from a call to the engine, one for all dialects: whether calls are answered now, which requests are
// let in, and what happens to the rest. A dialect brings its messages as a GenerationRequest and gets the
// engine's reports back; nothing in this folder knows a dialect's messages.
//
// Thread-safe. Before Serve and after StopAccepting every call gets UNAVAILABLE.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "core/engine/request.h"
#include "server/gateway/generation_call.h"
#include "server/gateway/request_limits.h"
#include "server/gateway/request_table.h"
#include "server/gateway/served_model.h"
#include "server/metrics.h"

namespace pass {

struct GatewayOptions {
  RequestLimits limits;
  int outbox_tokens = 256;  // a stream with more unsent tokens pauses
};

class Gateway {
 public:
  // All pointers here and below are borrowed and outlive the gRPC server.
  Gateway(const GatewayOptions& options, Metrics* metrics, const Clock* clock);
  ~Gateway();

  // Once: calls are answered from now on.
  void Serve(const ServedModel* model, EngineThread* engine);
  // New calls are refused from now on; those in flight go on.
  void StopAccepting() { draining_.store(true); }

  const RequestLimits& limits() const { return options_.limits; }

  // The model that answers calls now. UNAVAILABLE while it loads and while the server drains.
  absl::StatusOr<const ServedModel*> Available() const;

  // The dialect's part of admission: a call's message as a request for this model, `received` and `deadline`
  // left out. An error is what the client is to hear.
  using Translation = absl::FunctionRef<absl::StatusOr<GenerationRequest>(const ServedModel& model)>;

  struct Admission {
    const CallEnvironment* environment = nullptr;  // the gateway's
    GenerationRequest request;
  };
  // A request that may be submitted, or what the client is to hear: besides the translation's errors
  // UNAVAILABLE (loading or draining), DEADLINE_EXCEEDED (passed already; both before anything is translated)
  // and FAILED_PRECONDITION (method `pass` without look-ahead tokens). Whether the id is in flight and
  // whether the queue has room is decided when the request is submitted.
  absl::StatusOr<Admission> Admit(const grpc::CallbackServerContext& context, Translation translate) const;

  // Counts and logs a generation that never reached the engine, and gives its status for the client. `call`:
  // the name of the dialect's method, for the log.
  grpc::Status Reject(const absl::Status& status, grpc::CallbackServerContext* context,
                      const char* call) const;

 private:
  struct Backend;

  // UNAVAILABLE while there is nothing behind the gateway.
  absl::StatusOr<const Backend*> AvailableBackend() const;

  const GatewayOptions options_;
  Metrics* const metrics_;
  const Clock* const clock_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<const Backend> owned_backend_;
  std::atomic<const Backend*> backend_{nullptr};
};

}  // namespace pass
