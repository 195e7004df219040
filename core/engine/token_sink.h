// Where a sequence's tokens go. The server's reactors implement it, and so do the tests' recorder and others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/token_id.h"
#include "core/decode/draft_origin.h"
#include "core/engine/request.h"

namespace pass {

// Everything since the last report of this sequence. There is one report per validation step. A sequence that
// ends between two of them reports what it has, with drafted 0.
struct StepReport {
  std::vector<TokenId> token_ids;
  std::string text;                // what is new, in whole UTF-8 characters; may lag behind token_ids
  Method method = Method::kPlain;  // never kAuto
  int drafted = 0;                 // drafts that the validation step judged, those behind a stop included
  int accepted = 0;                // drafts that are among token_ids; those behind a stop are not
  int drafted_positions = 0;       // places ahead of the newest token that held a draft
  CountByOrigin drafted_by_origin = {};  // these two sum up to `drafted` and `accepted`
  CountByOrigin accepted_by_origin = {};
  int rows = 0;  // of this sequence in these forwards, prefill left out
  int forwards = 0;
  absl::Duration step_time;  // wall time of these forwards
};

enum class FinishReason : uint8_t { kStop, kLength, kCancelled, kDeadline, kError };

std::string_view FinishReasonName(FinishReason reason);

struct SpeculationSummary {
  int64_t validation_steps = 0;
  int64_t forwards = 0;  // forwards from which no token was drawn are not counted
  int64_t drafted = 0;
  int64_t accepted = 0;
  std::vector<int64_t> drafted_by_position;   // [i]: validation steps that proposed a draft at position i + 1
  std::vector<int64_t> accepted_by_position;  // [i]: ... and accepted it
  // Seconds that plain decoding would have taken / seconds taken. 0: no plain forward was measured yet in
  // this sequence's batch buckets.
  double estimated_decode_speedup = 0;
};

struct Timing {
  absl::Duration queue;        // received to admitted
  absl::Duration prefill;      // admitted to the end of the forward that holds the last prompt token
  absl::Duration first_token;  // received to the first report with a token
  absl::Duration decode;       // end of prefill to the end
  absl::Duration total;        // received to the end
};

struct FinishReport {
  FinishReason reason = FinishReason::kStop;
  std::string matched_stop_string;  // kStop by a stop string
  TokenId matched_stop_id = -1;     // kStop by an id
  absl::Status error;               // kError: what to tell the client
  int32_t prompt_tokens = 0;
  int32_t completion_tokens = 0;
  SpeculationSummary speculation;
  Timing timing;
  uint64_t seed = 0;
};

// Calls come from the engine's thread. They must not block and must not call the engine.
class TokenSink {
 public:
  virtual ~TokenSink() = default;

  virtual void OnStep(const StepReport& report) = 0;
  // Exactly once, the last call.
  virtual void OnFinish(const FinishReport& report) = 0;
  // False while the reader is too far behind; the sequence then pauses. Whoever makes it true again wakes the
  // engine.
  virtual bool Ready() const { return true; }
};

}  // namespace pass
