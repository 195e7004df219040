// What one sequence's forwards cost and brought: the report that is being gathered, and the summary of the
// request.
//
// Invariants, over the life of a sequence
//  1. Its tokens are those of its reports joined. Its forwards, drafted and accepted are the sums over its
//     reports.
//  2. accepted <= drafted in every report, and accepted <= the report's tokens. Drafts behind a stop are not
//     counted as accepted.
//  3. rows and forwards leave out forwards that only prefill. A forward that takes the last prompt token and
//     draws a token counts.
//
// Owner: Sequence. Thread: the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "core/decode/decoder.h"
#include "core/engine/forward_report.h"
#include "core/engine/speculation/speculation.h"
#include "core/engine/token_sink.h"

namespace pass {

class Accounts {
 public:
  void AddToken(TokenId token, std::string_view text);
  // Adds the validation step that ends the report. `num_emitted`: how many of its tokens a stop left.
  void AddValidation(const Absorbed& absorbed, int num_emitted);
  // Adds a forward in which the sequence decoded with `rows` rows. Call it after AddToken and AddValidation
  // for this forward.
  void AddForward(Method method, int rows, const ForwardReport& forward);

  bool has_tokens() const { return !pending_.token_ids.empty(); }
  // Everything since the last call; the next report is empty.
  StepReport TakeReport();

  // `speculation`: it knows what plain decoding would have taken.
  SpeculationSummary Summary(const Speculation& speculation) const;

 private:
  // What the sequence's forwards brought and took in one batch bucket, mixed ones left out. The speed-up is
  // estimated from these.
  struct BucketCost {
    int batch = 0;
    int64_t tokens = 0;
    absl::Duration time;
  };

  void AddToBucket(int batch, int64_t tokens, absl::Duration time);

  StepReport pending_;
  bool pending_mixed_ = false;  // some forward of the report was mixed or in another bucket than the first
  int pending_batch_ = 0;
  SpeculationSummary summary_;
  std::vector<BucketCost> buckets_;
};

}  // namespace pass
