// The answers of grpc.health.v1: under the name "" liveness (would a restart help?), under the full name of
// each service, such as "pass_server.v1.PassService", readiness (may calls come?).
#pragma once

#include <grpcpp/health_check_service_interface.h>

#include <functional>
#include <span>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"

namespace pass {

// Readiness of all services at once: they share one model. `services`: their full names.
void SetReadiness(grpc::HealthCheckServiceInterface* health, std::span<const std::string> services,
                  bool ready);

// The engine hangs if it has work and has not finished a step for longer than `limit`.
bool EngineAlive(bool busy, absl::Time last_heartbeat, absl::Time now, absl::Duration limit);

struct LivenessOptions {
  absl::Duration limit = absl::Seconds(30);
  absl::Duration interval = absl::Seconds(5);  // between two looks
};

// A thread that keeps the liveness status true to the engine's heartbeat, and to whether clients can connect.
class Liveness {
 public:
  // All pointers are borrowed. `can_accept`: whether the next connection would be accepted.
  Liveness(const LivenessOptions& options, const EngineThread* engine, std::function<bool()> can_accept,
           grpc::HealthCheckServiceInterface* health, const Clock* clock);
  ~Liveness();

 private:
  void Run();

  const LivenessOptions options_;
  const EngineThread* const engine_;
  const std::function<bool()> can_accept_;
  grpc::HealthCheckServiceInterface* const health_;
  const Clock* const clock_;
  absl::Time last_room_;  // of the thread: when a connection would last have been accepted
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pass
