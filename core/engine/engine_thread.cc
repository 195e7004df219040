#include "core/engine/engine_thread.h"

#include <algorithm>
#include <utility>

namespace pass {
namespace {

absl::Status ShuttingDown() { return absl::UnavailableError("the server is shutting down"); }

}  // namespace

EngineThread::EngineThread(std::unique_ptr<Engine> engine, int max_queue, const Clock* clock,
                           std::function<void()> on_model_lost)
    : engine_(std::move(engine)),
      max_queue_(max_queue),
      clock_(clock),
      on_model_lost_(std::move(on_model_lost)),
      last_heartbeat_(clock->Now()) {
  thread_ = std::thread([this] { Run(); });
}

EngineThread::~EngineThread() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    inbox_.stop = true;
  }
  thread_.join();
}

absl::StatusOr<RequestHandle> EngineThread::Submit(GenerationRequest request,
                                                   std::shared_ptr<TokenSink> sink) {
  if (request.received == absl::InfinitePast()) request.received = clock_->Now();
  absl::MutexLock lock(&mutex_);
  if (draining_) return ShuttingDown();
  if (static_cast<int>(inbox_.submissions.size()) + num_waiting_ >= max_queue_) {
    return absl::ResourceExhaustedError("the queue is full");
  }
  const RequestHandle handle = next_handle_++;
  inbox_.submissions.push_back({.handle = handle, .request = std::move(request), .sink = std::move(sink)});
  return handle;
}

void EngineThread::Cancel(RequestHandle handle, FinishReason reason) {
  const absl::Time requested = clock_->Now();
  absl::MutexLock lock(&mutex_);
  inbox_.cancellations.push_back({.handle = handle, .reason = reason, .requested = requested});
}

void EngineThread::Wake() {
  absl::MutexLock lock(&mutex_);
  inbox_.wake = true;
}

bool EngineThread::Drain(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
  const absl::Condition nothing_left(this, &EngineThread::NothingLeft);
  if (mutex_.AwaitWithTimeout(nothing_left, deadline - clock_->Now())) return true;
  inbox_.end_all = true;
  mutex_.Await(nothing_left);
  return false;
}

absl::Time EngineThread::last_heartbeat() const {
  absl::MutexLock lock(&mutex_);
  return last_heartbeat_;
}

bool EngineThread::busy() const {
  absl::MutexLock lock(&mutex_);
  return busy_;
}

void EngineThread::Run() {
  bool progress = false;
  engine_->Prepare();
  while (true) {
    Inbox input = TakeInput(progress);
    const bool stop = input.stop;
    GiveToEngine(std::move(input));
    engine_->Admit();
    Publish();  // who rides in the next forward does not wait, however long that takes
    progress = engine_->Step();
    if (engine_->model_lost() && on_model_lost_) {
      engine_->Admit();  // ends those who did not ride in the forward
      std::exchange(on_model_lost_, nullptr)();
    }
    Publish();
    if (stop) return;  // everything was ended before the Step, so nothing is left
  }
}

EngineThread::Inbox EngineThread::TakeInput(bool progress) {
  // Read before the lock: the engine belongs to this thread.
  const absl::Time wake_up = engine_->NextWakeUp();
  absl::MutexLock lock(&mutex_);
  if (!progress && inbox_.empty()) {
    busy_ = false;
    mutex_.AwaitWithTimeout(absl::Condition(this, &EngineThread::HasInput), wake_up - clock_->Now());
  }
  busy_ = true;
  last_heartbeat_ = clock_->Now();
  num_waiting_ += static_cast<int>(inbox_.submissions.size());
  return std::exchange(inbox_, Inbox());
}

void EngineThread::GiveToEngine(Inbox input) {
  for (Submission& submission : input.submissions) {
    engine_->Submit(submission.handle, std::move(submission.request), std::move(submission.sink));
  }
  for (const Cancellation& cancellation : input.cancellations) {
    engine_->Cancel(cancellation.handle, cancellation.reason, cancellation.requested);
  }
  if (input.end_all || input.stop) engine_->CancelAll(FinishReason::kError, ShuttingDown());
}

void EngineThread::Publish() {
  absl::MutexLock lock(&mutex_);
  num_running_ = engine_->num_running();
  num_waiting_ = engine_->num_waiting();
  last_heartbeat_ = clock_->Now();
}

}  // namespace pass
