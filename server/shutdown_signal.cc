#include "server/shutdown_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/check.h"
#include "server/logging.h"

namespace pass {
namespace {

[[noreturn]] void EndNow(int code, const char* why) {
  Log(LogLevel::kWarning, "exit", {{"code", int64_t{code}}, {"reason", std::string(why)}});
  FlushLog();
  _exit(code);
}

// Rounded up, so that poll does not return before `end`.
int PollMilliseconds(absl::Time end) {
  if (end == absl::InfiniteFuture()) return -1;
  const absl::Duration left = absl::Ceil(end - absl::Now(), absl::Milliseconds(1));
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(left), 0, std::numeric_limits<int>::max()));
}

void Signal(int event_fd) {
  const uint64_t one = 1;
  PASS_CHECK(write(event_fd, &one, sizeof(one)) == sizeof(one));
}

}  // namespace

ShutdownSignal::ShutdownSignal(absl::Duration limit) : limit_(limit) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed log pipe must not end the process
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  PASS_CHECK(pthread_sigmask(SIG_BLOCK, &signals, nullptr) == 0);
  signal_fd_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  asked_fd_ = eventfd(0, EFD_CLOEXEC);
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  PASS_CHECK(signal_fd_ >= 0 && asked_fd_ >= 0 && stop_fd_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

ShutdownSignal::~ShutdownSignal() {
  Signal(stop_fd_);
  thread_.join();
  close(signal_fd_);
  close(asked_fd_);
  close(stop_fd_);
}

ShutdownSignal::Event ShutdownSignal::NextEvent(absl::Time end) const {
  pollfd watched[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                      {.fd = asked_fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
  while (true) {
    const int ready = poll(watched, std::size(watched), PollMilliseconds(end));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) EndNow(1, "the orderly end took too long");
    if (watched[2].revents != 0) return Event::kGone;
    uint64_t count = 0;
    if (watched[1].revents != 0 && read(asked_fd_, &count, sizeof(count)) == sizeof(count))
      return Event::kAsked;
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) return Event::kSignal;
  }
}

void ShutdownSignal::Ask() {
  if (was_asked_.exchange(true)) return;
  asked_.Notify();
  Signal(asked_fd_);
}

void ShutdownSignal::Run() {
  absl::Time end = absl::InfiniteFuture();
  bool signalled = false;
  while (true) {
    switch (NextEvent(end)) {
      case Event::kGone:
        return;
      case Event::kAsked:
        end = absl::Now() + limit_;
        break;
      case Event::kSignal:
        if (!orderly_.load()) EndNow(0, "signal before ready");
        if (std::exchange(signalled, true)) EndNow(1, "second signal");
        Ask();
        break;
    }
  }
}

}  // namespace pass
