// The one thread that calls the model: a bounded inbox in front of the engine, and the loop around
// Engine::Step. It sleeps on a condition while there is nothing to do and never polls.
//
// Thread-safe. gRPC's threads call Submit, Cancel and Wake, which never wait for a forward. Sinks and the
// observer are called on the engine's thread, without a lock.
#pragma once

#include <cstdint>
#include <functional>
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
  // Takes the engine over and starts the thread. `max_queue`: requests that may wait, in the inbox and the
  // engine together. `clock`: the engine's own; borrowed, as are the engine's model, tokenizer and observer.
  // `on_model_lost`: called once, on the thread, when the requests that the loss of the device ends were told.
  EngineThread(std::unique_ptr<Engine> engine, int max_queue, const Clock* clock,
               std::function<void()> on_model_lost = nullptr);
  // Ends what still runs with UNAVAILABLE and joins the thread. No other call may be under way or come later.
  ~EngineThread();
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  // RESOURCE_EXHAUSTED: the queue is full; try again after a while. UNAVAILABLE: the engine drains; try
  // another replica. On OK the sink gets exactly one OnFinish, else none.
  absl::StatusOr<RequestHandle> Submit(GenerationRequest request, std::shared_ptr<TokenSink> sink);
  // No effect on an unknown or finished handle.
  void Cancel(RequestHandle handle, FinishReason reason = FinishReason::kCancelled);
  // Tells the thread that a sink became Ready again.
  void Wake();

  // Refuses new requests from now on. What is queued and running may finish until `deadline`; then the rest
  // is ended with UNAVAILABLE. Returns when nothing is left. True: everything finished by itself.
  bool Drain(absl::Time deadline);

  // For liveness: the thread hangs if it is busy and its last heartbeat is old. It is busy unless it sleeps
  // and waits for requests, readers or deadlines. It has a heartbeat when it wakes up, and before and after
  // every Step.
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
  // `progress`: the last Step did something, so there may be more to do at once. Else it sleeps until there
  // is input.
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
  std::function<void()> on_model_lost_;  // the thread's alone; empty once called

  mutable absl::Mutex mutex_;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  RequestHandle next_handle_ ABSL_GUARDED_BY(mutex_) = 1;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  // The engine's numbers after its last Step or admission, and what it was given since.
  int num_running_ ABSL_GUARDED_BY(mutex_) = 0;
  int num_waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool busy_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time last_heartbeat_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;  // last: it reads what stands above
};

}  // namespace pass
