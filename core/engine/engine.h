// Continuous batching: the passive core. Step() runs one forward for everything that is ready; nothing here has a thread
// or a lock, so that tests drive it by hand.
//
// Thread: one at a time (the engine thread).
//
// Invariants
//  1. Every request accepted by Submit gets exactly one OnFinish.
//  2. A sequence is admitted only if its prompt + max_tokens fit the free KV pages; admission is first come, first served.
//  3. A cancelled, expired or finished sequence's pages are back in the pool before the next forward.
//  4. A failed row ends its own sequence and no other.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/observer.h"
#include "core/engine/request.h"
#include "core/engine/token_sink.h"
#include "core/model/language_model.h"
#include "core/text/tokenizer.h"

namespace pass {

struct EngineOptions {
  int max_sequences = 16;        // decoding or prefilling at a time
  int max_queue = 64;            // waiting for admission
  int max_batch_rows = 512;      // rows of one forward
  int prefill_chunk_rows = 128;  // prompt rows of one forward, shared by all sequences
  absl::Duration slow_reader_limit = absl::Seconds(30);  // a sink that is not Ready for so long is cancelled

  absl::Status Validate() const;
};

using RequestHandle = uint64_t;  // never reused, never 0

class Scheduler;
class Sequence;
class AutoPolicy;

class Engine {
 public:
  // All pointers are borrowed. `end_of_sequence_ids`: as TextModel's.
  Engine(LanguageModel* model, const Tokenizer* tokenizer, std::vector<TokenId> end_of_sequence_ids,
         const EngineOptions& options, EngineObserver* observer, const Clock* clock);
  ~Engine();

  // Queues the request. It must be valid (the server's translation checks); the handle names it for Cancel.
  void Submit(RequestHandle handle, GenerationRequest request, std::shared_ptr<TokenSink> sink);
  // No effect on an unknown or finished handle. Honoured before the next forward.
  void Cancel(RequestHandle handle, FinishReason reason = FinishReason::kCancelled);
  void CancelAll(FinishReason reason, const absl::Status& error);

  // Drops what was cancelled or has expired, admits, runs one forward, hands results on. False: nothing could be done now
  // (idle, or every sequence waits for its reader).
  bool Step();

  int num_running() const;
  int num_waiting() const;
  // The earliest time at which Step has something to do without new input: a deadline or a slow reader's limit.
  absl::Time NextWakeUp() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pass
