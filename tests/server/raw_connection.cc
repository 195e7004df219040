#include "tests/server/raw_connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace pass {
namespace {

int Connect(const sockaddr* address, socklen_t length) {
  const int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_GE(fd, 0) << std::strerror(errno);
  EXPECT_EQ(connect(fd, address, length), 0) << std::strerror(errno);
  return fd;
}

template <typename Address>
int ConnectTo(const Address& address) {
  return Connect(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

int ConnectTo(const std::string& text) {
  if (text.starts_with("unix:")) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    text.copy(address.sun_path, sizeof(address.sun_path) - 1, /*pos=*/5);
    return ConnectTo(address);
  }
  const size_t colon = text.rfind(':');
  const in_port_t port = htons(static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1)));
  if (text.front() == '[') {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = port;
    EXPECT_EQ(inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &address.sin6_addr), 1) << text;
    return ConnectTo(address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = port;
  EXPECT_EQ(inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr), 1) << text;
  return ConnectTo(address);
}

}  // namespace

RawConnection::RawConnection(const std::string& address) : fd_(ConnectTo(address)) {}

RawConnection::RawConnection(RawConnection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

RawConnection::~RawConnection() {
  if (fd_ >= 0) close(fd_);
}

void RawConnection::Send(std::string_view bytes) const {
  EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
}

std::string RawConnection::ReadToEnd() const {
  std::string text;
  char buffer[4096];
  for (ssize_t got = 0; (got = recv(fd_, buffer, sizeof(buffer), 0)) > 0;) {
    text.append(buffer, static_cast<size_t>(got));
  }
  return text;
}

bool RawConnection::AwaitClosed() const {
  char byte = 0;
  return recv(fd_, &byte, 1, MSG_PEEK) <= 0;
}

}  // namespace pass
