// Where a port of the server is, as flags write it: "host:port", "[IPv6 address]:port" or "unix:path"; and
// the socket that listens there. Both ports of the server use these, so that both read the same addresses
// and refuse the same mistakes, each with its flag and the cure.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace pass {

struct ListenAddress {
  std::string host = {};       // without brackets; empty: a Unix socket
  int port = 0;                // 0: the system picks one
  std::string unix_path = {};  // empty: TCP

  // As a client writes it.
  std::string ToString() const;
};

enum class UnixSockets { kRefused, kAllowed };

// INVALID_ARGUMENT: says what is wrong with `text`, the value of `flag` ("--listen"), and what to write.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view flag, std::string_view text,
                                                 UnixSockets unix_sockets);

// Owns a listening, non-blocking socket; a Unix socket's file goes with it.
class ListeningSocket {
 public:
  // A host name listens on the first of its IPv4 addresses, or else of its IPv6 addresses; [::] listens on
  // every address of both kinds. UNAVAILABLE: says why not, naming `flag`, and what to do.
  static absl::StatusOr<ListeningSocket> Open(std::string_view flag, const ListenAddress& address);
  ListeningSocket(ListeningSocket&& other) noexcept;
  ListeningSocket& operator=(ListeningSocket&& other) = delete;
  ~ListeningSocket();

  int fd() const { return fd_; }
  // With the port that the system picked.
  const ListenAddress& address() const { return address_; }
  // The descriptor, to be closed by the caller from now on.
  int Release();

 private:
  ListeningSocket(int fd, ListenAddress address) : fd_(fd), address_(std::move(address)) {}

  int fd_;  // -1: moved from or released
  ListenAddress address_;
};

}  // namespace pass
