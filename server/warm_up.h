// Short generations before the server says ready, so that the first client does not pay for memory, threads
// and kernels that are made on first use.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/engine/engine_thread.h"
#include "server/gateway/served_model.h"

namespace pass {

struct WarmUpOptions {
  int max_batch = 16;      // at most so many at a time, in powers of two
  int prefill_rows = 128;  // a prompt of a whole prefill chunk
  absl::Duration budget =
      absl::InfiniteDuration();  // nothing new begins after it, the first two generations excepted
};

// `plain` and `tree`, which are what `auto` chooses from, on the engine's own thread. An error means that the model
// cannot generate: do not serve.
absl::Status WarmUp(const ServedModel& model, const WarmUpOptions& options, const Clock& clock,
                    EngineThread* engine);

}  // namespace pass
