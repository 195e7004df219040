// The one thread that owns the model: a bounded inbox in front of the passive engine, and the loop around Step().
// Sleeps on a condition while there is nothing to do; no polling.
//
// Thread-safe. Submit, Cancel and Wake are called from gRPC threads and never wait for a forward.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/engine/engine.h"

namespace pass {

class EngineThread {
 public:
  // Takes the engine and starts the thread. `max_queue`: requests that may wait, inbox and engine together.
  EngineThread(std::unique_ptr<Engine> engine, int max_queue, const Clock* clock);
  // Cancels what still runs and joins.
  ~EngineThread();

  // RESOURCE_EXHAUSTED: the queue is full, try again after a while. UNAVAILABLE: draining, try another replica.
  // On OK the sink gets exactly one OnFinish, else none.
  absl::StatusOr<RequestHandle> Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);
  void Cancel(RequestHandle handle);
  // A sink became Ready again.
  void Wake();

  // Refuses new requests from now on, lets what is queued and running finish until `deadline`, then cancels the rest with
  // UNAVAILABLE. Returns when nothing is left; true if all finished by themselves.
  bool Drain(absl::Time deadline);

  // Wall time of the last completed Step or idle turn, for liveness; work is queued or running: busy.
  absl::Time last_heartbeat() const;
  bool busy() const;

 private:
  struct Inbox;
  std::unique_ptr<Inbox> inbox_;
};

}  // namespace pass
