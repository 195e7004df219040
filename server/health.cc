#include "server/health.h"

#include "server/logging.h"

namespace pass {

void SetReadiness(grpc::HealthCheckServiceInterface* health, std::span<const std::string> services,
                  bool ready) {
  for (const std::string& service : services) health->SetServingStatus(service, ready);
}

bool EngineAlive(bool busy, absl::Time last_heartbeat, absl::Time now, absl::Duration limit) {
  return !busy || now - last_heartbeat <= limit;
}

Liveness::Liveness(const LivenessOptions& options, const EngineThread* engine,
                   grpc::HealthCheckServiceInterface* health, const Clock* clock)
    : options_(options), engine_(engine), health_(health), clock_(clock), thread_([this] { Run(); }) {}

Liveness::~Liveness() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void Liveness::Run() {
  bool was_alive = true;
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&stop_), options_.interval)) {
    const bool alive = EngineAlive(engine_->busy(), engine_->last_heartbeat(), clock_->Now(), options_.limit);
    if (alive == was_alive) continue;
    was_alive = alive;
    Log(alive ? LogLevel::kWarning : LogLevel::kError, "liveness", {{"alive", alive}});
    health_->SetServingStatus("", alive);
  }
}

}  // namespace pass
