// SIGTERM and SIGINT as an event, for the one object that main makes before any other thread starts: the
// signals are blocked in every thread and read by one.
//
// The first signal asks for an orderly end, or ends the process with 0 while there is nothing to end in order
// (loading). A second one, or an orderly end that takes longer than the limit, ends it with 1.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace pass {

class ShutdownSignal {
 public:
  explicit ShutdownSignal(absl::Duration limit);
  ~ShutdownSignal();

  // From now on the first signal is left to Wait.
  void BecomeOrderly() { orderly_.store(true); }
  void Wait() const { asked_.WaitForNotification(); }
  // As a first signal does, from within: the limit starts. Thread-safe.
  void Ask();

 private:
  enum class Event : uint8_t { kSignal, kAsked, kGone };  // kGone: the object is going away

  void Run();
  // Ends the process where none comes until `end`.
  Event NextEvent(absl::Time end) const;

  const absl::Duration limit_;
  int signal_fd_ = -1;
  int asked_fd_ = -1;
  int stop_fd_ = -1;
  std::atomic<bool> orderly_{false};
  std::atomic<bool> was_asked_{false};
  absl::Notification asked_;
  std::thread thread_;
};

}  // namespace pass
