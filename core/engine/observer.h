// What the engine tells about its work; the server turns it into Prometheus series. Calls come from the
// engine's thread and must be cheap.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "core/engine/forward_report.h"
#include "core/engine/token_sink.h"
#include "core/language_model/language_model.h"

namespace pass {

struct EngineState {
  int running = 0;
  int waiting = 0;
  KvUsage kv;
};

class EngineObserver {
 public:
  virtual ~EngineObserver() = default;

  virtual void OnAdmitted(const GenerationRequest& /*request*/, absl::Duration /*queue*/) {}
  virtual void OnForward(const ForwardReport& /*report*/) {}
  // `since_last`: time since the sequence's previous report; for the first one, since the request was
  // received.
  virtual void OnStep(const StepReport& /*report*/, absl::Duration /*since_last*/, bool /*first*/) {}
  virtual void OnFinish(const FinishReport& /*report*/) {}
  // `time`: from the cancel or the deadline to the return of the sequence's pages.
  virtual void OnCancelFreed(absl::Duration /*time*/) {}
  // `error`: what the model said about a failed forward, row or commit. Clients get a fixed text instead.
  virtual void OnModelError(const GenerationRequest& /*request*/, const absl::Status& /*error*/) {}
  virtual void OnState(const EngineState& /*state*/) {}
};

}  // namespace pass
