// Short generations before the server says that it is ready. Memory, threads and kernels are made on first
// use, and so the first client does not pay for them.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "server/gateway/served_model.h"

namespace pass {

struct WarmUpOptions {
  int max_batch = 16;      // most generations at a time; batches are powers of two
  int prefill_rows = 128;  // one prompt has so many rows before its last token: a whole prefill chunk
  absl::Duration budget =
      absl::InfiniteDuration();  // after it nothing begins; the first two generations always do
};

// Generates with `plain` and `tree`, between which `auto` chooses, and waits for the end. The work runs on
// the engine's thread; call it on another one. An error means that the model cannot generate: do not serve.
absl::Status WarmUp(const ServedModel& model, const WarmUpOptions& options, const Clock& clock,
                    EngineThread* engine);

}  // namespace pass
