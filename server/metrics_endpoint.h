// GET /metrics over HTTP on its own port, and /healthz for tools that have no gRPC: 200 if the server is ready, else 503. One
// thread serves all connections as they speak, so that a client which says nothing, or only half a request, delays nobody.
#pragma once

#include <prometheus/collectable.h>

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "server/exposition.h"

struct MHD_Connection;
struct MHD_Daemon;

namespace pass {

class MetricsEndpoint {
 public:
  // `listen`: the value of --metrics-listen; port 0 picks one. INVALID_ARGUMENT: no address; UNAVAILABLE: the
  // port is taken or the address is not ours. Both name the flag and the cure. A connection on which nothing
  // moves for `idle_seconds` is closed. `clock` is borrowed.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& listen, std::shared_ptr<const prometheus::Collectable> series, const Clock* clock,
      int idle_seconds = 10);
  // Waits for a reply that is being made.
  ~MetricsEndpoint();

  const std::string& address() const { return address_; }

  // What /healthz says; at first that it is not. Thread-safe.
  void SetReady(bool ready) { ready_.store(ready); }

  // For the HTTP library, on its thread.
  int Answer(MHD_Connection* connection, const std::string& method, const std::string& path);
  void OnOpen(int fd);
  void OnClose(int fd);

 private:
  explicit MetricsEndpoint(Exposition exposition) : exposition_(std::move(exposition)) {}

  Exposition exposition_;  // of the library's thread
  std::atomic<bool> ready_{false};
  std::string address_;
  std::deque<int> connections_;  // that may go on, the oldest first; of the library's thread
  MHD_Daemon* daemon_ = nullptr;
};

}  // namespace pass
