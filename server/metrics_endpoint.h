// GET /metrics over HTTP on its own port, and nothing else there. One thread serves all connections as they
// speak, so that a client which says nothing, or only half a request, delays nobody.
#pragma once

#include <prometheus/registry.h>

#include <deque>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace pass {

class MetricsEndpoint {
 public:
  // `listen`: the value of --metrics-listen; port 0 picks one. INVALID_ARGUMENT: no address; UNAVAILABLE: the
  // port is taken or the address is not ours. Both name the flag and the cure. A connection on which nothing
  // moves for `idle_seconds` is closed.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& listen, std::shared_ptr<prometheus::Registry> registry, int idle_seconds = 10);
  // Waits for a reply that is being made.
  ~MetricsEndpoint();

  const std::string& address() const { return address_; }

  // For the HTTP library, on its thread.
  int Answer(MHD_Connection* connection, const std::string& method, const std::string& path) const;
  void OnOpen(int fd);
  void OnClose(int fd);

 private:
  MetricsEndpoint() = default;

  std::shared_ptr<prometheus::Registry> registry_;
  std::string address_;
  std::deque<int> connections_;  // that may go on, the oldest first; of the library's thread
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace pass
