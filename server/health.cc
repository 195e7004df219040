#include "server/health.h"

#include <utility>

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
                   std::function<bool()> can_accept, grpc::HealthCheckServiceInterface* health,
                   const Clock* clock)
    : options_(options),
      engine_(engine),
      can_accept_(std::move(can_accept)),
      health_(health),
      clock_(clock),
      last_room_(clock->Now()),
      thread_([this] { Run(); }) {}

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
    const absl::Time now = clock_->Now();
    const bool moves = EngineAlive(engine_->busy(), engine_->last_heartbeat(), now, options_.limit);
    if (can_accept_()) last_room_ = now;
    const bool open = now - last_room_ <= options_.limit;
    const bool alive = moves && open;
    if (alive == was_alive) continue;
    was_alive = alive;
    Log(alive ? LogLevel::kWarning : LogLevel::kError, "liveness",
        {{"alive", alive}, {"engine_moves", moves}, {"accepts_connections", open}});
    health_->SetServingStatus("", alive);
  }
}

}  // namespace pass
