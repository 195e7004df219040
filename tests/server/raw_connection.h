// A bare TCP connection to "host:port" or "[host]:port", or one to "unix:path", for what no well-behaved
// client library does.
#pragma once

#include <string>
#include <string_view>

namespace pass {

class RawConnection {
 public:
  // Fails the test when nobody listens there.
  explicit RawConnection(const std::string& address);
  RawConnection(RawConnection&& other) noexcept;
  RawConnection& operator=(RawConnection&& other) = delete;
  ~RawConnection();

  void Send(std::string_view bytes) const;
  // Everything until the other side closes.
  std::string ReadToEnd() const;
  // Waits until the other side sends something or closes; whether it closed.
  bool AwaitClosed() const;

 private:
  int fd_ = -1;
};

}  // namespace pass
