// What one sequence's forwards cost and brought: the report that is being gathered and the summary of the
// request.
//
// Invariants, over the life of a sequence
//  1. Its tokens are those of its reports joined; its forwards, drafted and accepted are the sums over its
//     reports.
//  2. accepted <= drafted in every report, and accepted <= the report's tokens: drafts beyond a stop are not
//     counted.
//  3. rows and forwards leave pure prefill out; a forward that takes the last prompt token and samples
//     counts.
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
  // The validation step that ends the report. `num_emitted`: of its tokens, those that a stop left.
  void AddValidation(const Absorbed& absorbed, int num_emitted);
  // A forward in which the sequence decoded, `rows` of them its own. After the forward's tokens.
  void AddForward(Method method, int rows, const ForwardReport& forward);

  bool has_tokens() const { return !pending_.token_ids.empty(); }
  // Everything since the last call; the next report is empty.
  StepReport TakeReport();

  // `speculation` knows what plain decoding takes.
  SpeculationSummary Summary(const Speculation& speculation) const;

 private:
  // Unmixed forwards of this sequence, by batch bucket: what the speed-up is estimated from.
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
