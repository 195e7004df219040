#include "server/shutdown_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <limits>
#include <string>

#include "core/base/check.h"
#include "server/logging.h"

namespace pass {
namespace {

[[noreturn]] void EndNow(int code, const char* why) {
  Log(LogLevel::kWarning, "exit", {{"code", int64_t{code}}, {"reason", std::string(why)}});
  FlushLog();
  _exit(code);
}

int PollMilliseconds(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return -1;
  return static_cast<int>(
      std::clamp<int64_t>(absl::ToInt64Milliseconds(timeout), 0, std::numeric_limits<int>::max()));
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
  stop_fd_ = eventfd(0, EFD_CLOEXEC);
  PASS_CHECK(signal_fd_ >= 0 && stop_fd_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

ShutdownSignal::~ShutdownSignal() {
  const uint64_t one = 1;
  PASS_CHECK(write(stop_fd_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  close(signal_fd_);
  close(stop_fd_);
}

bool ShutdownSignal::NextSignal(absl::Duration timeout) {
  pollfd watched[] = {{.fd = signal_fd_, .events = POLLIN, .revents = 0},
                      {.fd = stop_fd_, .events = POLLIN, .revents = 0}};
  while (true) {
    const int ready = poll(watched, 2, PollMilliseconds(timeout));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) EndNow(1, "the orderly end took too long");
    if (watched[1].revents != 0) return false;
    signalfd_siginfo info;
    if (read(signal_fd_, &info, sizeof(info)) == sizeof(info)) return true;
  }
}

void ShutdownSignal::Ask() {
  if (!was_asked_.exchange(true)) asked_.Notify();
}

void ShutdownSignal::Run() {
  if (!NextSignal(absl::InfiniteDuration())) return;
  if (!orderly_.load()) EndNow(0, "signal before ready");
  Ask();
  if (NextSignal(limit_)) EndNow(1, "second signal");
}

}  // namespace pass
