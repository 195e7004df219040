// What the engine and the service report, as Prometheus series: names, labels and buckets are those of
// docs/OPERATIONS.md. Label values come from enums and the loaded model's name only, never from a client.
//
// Thread-safe: the engine's thread reports through EngineObserver, gRPC threads through the rest. Every
// series that the decoding loop touches is made beforehand, so that a report is a few atomic adds.
#pragma once

#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/observer.h"

namespace pass {

enum class RejectionReason : uint8_t {
  kInvalid,  // a field violation
  kUnknownModel,
  kFailedPrecondition,  // the loaded model cannot
  kQueueFull,
  kLoading,
  kDraining,
  kDeadline,
  kDuplicateId,
  kInternal,
};

enum class CancelCause : uint8_t { kClient, kDeadline, kSlowReader, kDrain };

struct BuildInfo {
  std::string version = {};
  std::string torch = {};
  std::string device = {};
  std::string dtype = {};
  std::string weights = {};
  std::string isa = {};  // of the CPU kernels
  std::string model = {};
};

class Metrics final : public EngineObserver {
 public:
  // `clock` is borrowed.
  explicit Metrics(const Clock* clock);
  ~Metrics() override;

  // For the endpoint; the registry lives as long as this object's shared parts do.
  std::shared_ptr<prometheus::Registry> registry() const;

  void SetBuildInfo(const BuildInfo& info);
  void SetKvCache(const KvUsage& kv);
  void SetLoadSeconds(std::string_view phase, double seconds);
  // While off, reports of the engine count nothing: warm-up is no traffic.
  void set_counting(bool counting) { counting_.store(counting); }

  void CountRejected(RejectionReason reason);
  // The status that a request's client gets, whether the engine had taken the request or not.
  void CountStatus(absl::StatusCode code);
  void CountCancelled(CancelCause cause);
  void ObserveMessage(int tokens);

  void OnAdmitted(const GenerationRequest& request, absl::Duration queue) override;
  void OnForward(const ForwardReport& report) override;
  void OnStep(const StepReport& report, absl::Duration since_last, bool first) override;
  void OnFinish(const FinishReport& report) override;
  void OnCancelFreed(absl::Duration time) override;
  // To the log: no one else hears what the model said.
  void OnModelError(const GenerationRequest& request, const absl::Status& error) override;
  void OnState(const EngineState& state) override;

 private:
  struct Series;

  const Clock* clock_;
  std::atomic<bool> counting_{true};
  std::unique_ptr<Series> series_;
  size_t last_bucket_ = 0;  // of batches; the engine's thread alone
};

}  // namespace pass
