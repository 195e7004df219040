// The answers of grpc.health.v1: under the name "" liveness (would a restart help?), under the full name of
// each service, such as "pass_server.v1.PassService", readiness (may calls come?).
#pragma once

#include <grpcpp/health_check_service_interface.h>

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

// A thread that looks at the engine's heartbeat and keeps the liveness status true to it.
class Liveness {
 public:
  // All pointers are borrowed.
  Liveness(const LivenessOptions& options, const EngineThread* engine,
           grpc::HealthCheckServiceInterface* health, const Clock* clock);
  ~Liveness();

 private:
  void Run();

  const LivenessOptions options_;
  const EngineThread* const engine_;
  grpc::HealthCheckServiceInterface* const health_;
  const Clock* const clock_;
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace pass
