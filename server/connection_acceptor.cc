#include "server/connection_acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/check.h"
#include "server/descriptors.h"
#include "server/logging.h"

namespace pass {
namespace {

// The waiting connection stays readable while no descriptor is free, and nothing tells when one is.
constexpr int kRetryMilliseconds = 100;

// As gRPC sets them on connections of its own: messages leave at once, and a peer that does not even
// acknowledge what it was sent is gone.
void SetTcpOptions(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const int unacknowledged_milliseconds = 10'000;
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_milliseconds,
             sizeof(unacknowledged_milliseconds));
}

}  // namespace

ConnectionAcceptor::ConnectionAcceptor(ListeningSocket socket, int most_descriptors, Handover handover)
    : socket_(std::move(socket)),
      most_descriptors_(most_descriptors),
      handover_(std::move(handover)),
      stop_fd_(eventfd(0, EFD_CLOEXEC)) {
  PASS_CHECK(stop_fd_ >= 0);
  thread_ = std::thread([this] { Run(); });
}

ConnectionAcceptor::~ConnectionAcceptor() {
  Stop();
  close(stop_fd_);
}

void ConnectionAcceptor::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  PASS_CHECK(write(stop_fd_, &one, sizeof(one)) == sizeof(one));
  thread_.join();
  socket_.reset();
}

bool ConnectionAcceptor::CanAccept() const { return NextDescriptor() < most_descriptors_; }

void ConnectionAcceptor::Run() {
  pollfd watched[] = {{.fd = stop_fd_, .events = POLLIN, .revents = 0},
                      {.fd = socket_->fd(), .events = POLLIN, .revents = 0}};
  bool room = true;
  while (true) {
    const int ready = room ? poll(watched, 2, /*timeout=*/-1) : poll(watched, 1, kRetryMilliseconds);
    if (ready < 0) continue;  // interrupted
    if (watched[0].revents != 0) return;
    room = AcceptAll();
  }
}

bool ConnectionAcceptor::AcceptAll() {
  while (true) {
    const int fd = accept4(socket_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      if (error == EAGAIN || error == EWOULDBLOCK) return true;
      if (error == EINTR || error == ECONNABORTED || error == EPROTO) continue;
      NoteFull(std::strerror(error));
      return false;
    }
    if (fd >= most_descriptors_) {
      NoteFull("as many as file descriptors are for; raise the limit (ulimit -Hn), or add a replica");
      ++refused_;
      close(fd);
      continue;
    }
    NoteRoom(fd);
    if (socket_->address().unix_path.empty()) SetTcpOptions(fd);
    handover_(fd);
  }
}

void ConnectionAcceptor::NoteFull(const std::string& why) {
  if (std::exchange(full_, true)) return;
  Log(LogLevel::kWarning, "connections",
      {{"full", true}, {"descriptors", int64_t{most_descriptors_}}, {"reason", why}});
}

void ConnectionAcceptor::NoteRoom(int fd) {
  // Well below the limit: a server that is just full would write a line for each connection.
  if (!full_ || fd >= most_descriptors_ - most_descriptors_ / 8) return;
  full_ = false;
  Log(LogLevel::kInfo, "connections", {{"full", false}, {"refused", std::exchange(refused_, 0)}});
}

}  // namespace pass
