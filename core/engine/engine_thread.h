// The one thread that owns the model: a bounded inbox in front of the passive engine, and the loop around
// Step(). Sleeps on a condition while there is nothing to do; no polling.
//
// Thread-safe. Submit, Cancel and Wake are called from gRPC threads and never wait for a forward. Sinks and
// the observer are called on the engine's thread, without a lock.
#pragma once

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
  // `clock`: the engine's own; borrowed, as are the engine's model, tokenizer and observer.
  EngineThread(std::unique_ptr<Engine> engine, int max_queue, const Clock* clock);
  // Ends what still runs with UNAVAILABLE and joins. No call may be under way or come later.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // RESOURCE_EXHAUSTED: the queue is full, try again after a while. UNAVAILABLE: draining, try another
  // replica. On OK the sink gets exactly one OnFinish, else none.
  absl::StatusOr<RequestHandle> Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);
  // No effect on an unknown or finished handle.
  void Cancel(RequestHandle handle, FinishReason reason = FinishReason::kCancelled);
  // A sink became Ready again.
  void Wake();

  // Refuses new requests from now on, lets what is queued and running finish until `deadline`, then ends the
  // rest with UNAVAILABLE. Returns when nothing is left; true if all finished by themselves.
  bool Drain(absl::Time deadline);

  // For liveness: the thread hangs if it is busy and its last heartbeat is old. Busy: it is not asleep,
  // waiting for requests, readers or deadlines. A heartbeat: when it woke up, before and after every Step.
  absl::Time last_heartbeat() const;
  bool busy() const;

 private:
  struct Submission {
    RequestHandle handle = 0;
    GenerationRequest request;
    std::shared_ptr<TokenSink> sink;
  };
  struct Cancellation {
    RequestHandle handle = 0;
    FinishReason reason = FinishReason::kCancelled;
    absl::Time requested;
  };
  // What gathers while a forward runs.
  struct Inbox {
    std::vector<Submission> submissions;
    std::vector<Cancellation> cancellations;
    bool wake = false;
    bool end_all = false;
    bool stop = false;

    bool empty() const { return submissions.empty() && cancellations.empty() && !wake && !end_all && !stop; }
  };

  void Run();
  // `progress`: the last Step did something, so there may be more to do at once.
  Inbox TakeInput(bool progress) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveToEngine(Inbox input);
  void Publish() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasInput() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !inbox_.empty(); }
  bool NothingLeft() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return inbox_.submissions.empty() && num_running_ + num_waiting_ == 0;
  }

  const std::unique_ptr<Engine> engine_;  // the thread's alone
  const int max_queue_;
  const Clock* const clock_;

  mutable absl::Mutex mutex_;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  RequestHandle next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // The engine's, after the last Step or the admission before the next one, and what it was given since.
  int num_running_ ABSL_GUARDED_BY(mutex_) = 0;
  int num_waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_heartbeat_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it reads what stands above
};

}  // namespace pass
