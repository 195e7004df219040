#include "server/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";
constexpr size_t kMostUnixPath = sizeof(sockaddr_un{}.sun_path) - 1;
constexpr int kMostPort = 65535;

std::string Text(std::string_view text) { return std::string(text); }

bool IsIpv6(std::string text) {
  text.resize(std::min(text.find('%'), text.size()));  // a scope, as in fe80::1%eth0
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// What is wrong with a host that has no brackets, and the cure; empty: nothing.
std::string FaultOfHost(const std::string& host) {
  if (host.empty()) return "the host is missing: write 127.0.0.1 for this machine alone, 0.0.0.0 for all";
  if (host == "*") return "write 0.0.0.0 for every IPv4 address, [::] for every address";
  if (host.find_first_not_of("0123456789.") == std::string::npos) {
    in_addr address;
    if (inet_pton(AF_INET, host.c_str(), &address) == 1) return "";
    return absl::StrCat(host, " is not an IPv4 address: write four numbers from 0 to 255, as in 127.0.0.1");
  }
  const auto is_name = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
  };
  if (std::all_of(host.begin(), host.end(), is_name)) return "";
  return absl::StrCat("\"", absl::CHexEscape(host), "\" is not a host name");
}

std::string FaultOfPort(const std::string& text, int* port) {
  if (text.empty()) return "the port is missing: write a number after the colon, or 0 to pick one";
  const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
  if (digits && absl::SimpleAtoi(text, port) && *port <= kMostPort) return "";
  return absl::StrCat("the port must be a number from 0 to ", kMostPort, ", not ", absl::CHexEscape(text));
}

// What is wrong with `text` as an address of TCP, and the cure; empty: nothing, and `address` is filled.
std::string ReadTcp(const std::string& text, ListenAddress* address) {
  if (const size_t scheme = text.find("://"); scheme != std::string::npos) {
    const size_t rest = std::min(text.find_first_not_of('/', scheme + 1), text.size());
    return absl::StrCat("leave out ", absl::CHexEscape(text.substr(0, rest)));
  }
  std::string host;
  std::string port;
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == std::string::npos) return "the bracket ] is missing after the IPv6 address";
    host = text.substr(1, bracket - 1);
    if (!IsIpv6(host)) return absl::StrCat("\"", absl::CHexEscape(host), "\" is not an IPv6 address");
    if (bracket + 1 == text.size() || text[bracket + 1] != ':') return "a colon and a port must follow ]";
    port = text.substr(bracket + 2);
  } else {
    const size_t colon = text.rfind(':');
    const bool is_port = text.find_first_not_of("0123456789") == std::string::npos;
    if (text.empty()) return "it is empty: write host:port";
    if (colon == std::string::npos && is_port) return absl::StrCat("the host is missing: 127.0.0.1:", text);
    if (colon == std::string::npos) return "the port is missing: write host:port, with port 0 to pick one";
    if (text.find(':') != colon) return "put an IPv6 address into brackets, as in [::1]:50051";
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (std::string fault = FaultOfHost(host); !fault.empty()) return fault;
  }
  address->host = std::move(host);
  return FaultOfPort(port, &address->port);
}

std::string ReadUnix(std::string path, ListenAddress* address) {
  if (path.starts_with("//")) {  // unix:///absolute, as in URIs
    if (!path.starts_with("///")) return "write unix:/path or unix:///path";
    path.erase(0, 2);
  }
  if (path.empty()) return "the path is missing: write unix:/path";
  if (path.size() > kMostUnixPath) {
    return absl::StrCat("the path of a Unix socket has at most ", kMostUnixPath, " bytes, this one ",
                        path.size());
  }
  if (path.find('\0') != std::string::npos) return "the path holds a zero byte";
  address->unix_path = std::move(path);
  return "";
}

absl::Status CannotListen(std::string_view flag, const ListenAddress& address, std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address.ToString(), " (", Text(flag), "): ", Text(why)));
}

// Why the socket cannot be had, and what to do.
std::string ReasonOf(int error, const ListenAddress& address) {
  const bool is_unix = !address.unix_path.empty();
  switch (error) {
    case EADDRINUSE:
      return "it is taken; choose a free port, or 0 to pick one";
    case EADDRNOTAVAIL:
      return absl::StrCat(address.host, " is no address of this machine; 0.0.0.0 or [::] is every address");
    case EACCES:
    case EPERM:
      return is_unix ? "this user may not write to the folder; choose another"
                     : "this user may not use the port; choose one from 1024 to 65535";
    case ENOENT:
    case ENOTDIR:
      return "the folder does not exist; make it, or choose another";
    case EAFNOSUPPORT:
      return "this machine has no IPv6; choose an IPv4 address";
    case EMFILE:
    case ENFILE:
      return "there is no free file descriptor; raise the limit (ulimit -n)";
    default:
      return absl::StrCat(std::strerror(error), "; choose another address");
  }
}

int NewSocket(int family) { return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

// Binds and listens; -1 with errno. Closes the socket where it fails.
int Listen(int fd, const sockaddr* address, socklen_t length) {
  if (fd < 0) return -1;
  if (bind(fd, address, length) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int ListenTcp(const addrinfo& resolved) {
  const int fd = NewSocket(resolved.ai_family);
  const int on = 1;
  const int off = 0;
  if (fd >= 0) {
    // A port whose last connections still fade away is free.
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (resolved.ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  return Listen(fd, resolved.ai_addr, resolved.ai_addrlen);
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

absl::StatusOr<int> OpenTcp(std::string_view flag, const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = absl::StrCat(address.port);
  if (const int error = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return CannotListen(
        flag, address,
        absl::StrCat("the host is unknown here (", gai_strerror(error), "); write an IP address"));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(found, freeaddrinfo);
  const addrinfo* chosen = found;
  while (chosen != nullptr && chosen->ai_family != AF_INET) chosen = chosen->ai_next;
  const int fd = ListenTcp(chosen != nullptr ? *chosen : *found);
  if (fd < 0) return CannotListen(flag, address, ReasonOf(errno, address));
  return fd;
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// A process that was killed leaves its socket's file behind, which nobody could bind again.
absl::Status RemoveDeadSocket(std::string_view flag, const ListenAddress& address) {
  struct stat status {};
  if (lstat(address.unix_path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) {
    return CannotListen(flag, address, "the file exists and is no socket; choose another path");
  }
  const sockaddr_un target = UnixAddress(address.unix_path);
  const int fd = NewSocket(AF_UNIX);
  const bool dead = fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0 &&
                    errno == ECONNREFUSED;
  if (fd >= 0) close(fd);
  if (!dead) return CannotListen(flag, address, "another process listens there; choose another path");
  unlink(address.unix_path.c_str());
  return absl::OkStatus();
}

absl::StatusOr<int> OpenUnix(std::string_view flag, const ListenAddress& address) {
  PASS_RETURN_IF_ERROR(RemoveDeadSocket(flag, address));
  const sockaddr_un bound = UnixAddress(address.unix_path);
  const int fd = Listen(NewSocket(AF_UNIX), reinterpret_cast<const sockaddr*>(&bound), sizeof(bound));
  if (fd < 0) return CannotListen(flag, address, ReasonOf(errno, address));
  return fd;
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (!unix_path.empty()) return absl::StrCat(Text(kUnixPrefix), unix_path);
  const bool brackets = host.find(':') != std::string::npos;
  return absl::StrCat(brackets ? "[" : "", host, brackets ? "]:" : ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view flag, std::string_view text,
                                                 UnixSockets unix_sockets) {
  ListenAddress address;
  std::string fault;
  if (!text.starts_with(kUnixPrefix)) {
    fault = ReadTcp(Text(text), &address);
  } else if (unix_sockets == UnixSockets::kRefused) {
    fault = "a Unix socket is not possible here: write host:port";
  } else {
    fault = ReadUnix(Text(text.substr(kUnixPrefix.size())), &address);
  }
  if (fault.empty()) return address;
  return absl::InvalidArgumentError(
      absl::StrCat(Text(flag), " \"", absl::CHexEscape(Text(text)), "\": ", fault));
}

absl::StatusOr<ListeningSocket> ListeningSocket::Open(std::string_view flag, const ListenAddress& address) {
  const bool is_unix = !address.unix_path.empty();
  PASS_ASSIGN_OR_RETURN(const int fd, is_unix ? OpenUnix(flag, address) : OpenTcp(flag, address));
  ListenAddress bound = address;
  if (!is_unix) bound.port = PortOf(fd);
  return ListeningSocket(fd, std::move(bound));
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), address_(std::move(other.address_)) {}

ListeningSocket::~ListeningSocket() {
  if (fd_ < 0) return;
  close(fd_);
  if (!address_.unix_path.empty()) unlink(address_.unix_path.c_str());
}

int ListeningSocket::Release() { return std::exchange(fd_, -1); }

}  // namespace pass
