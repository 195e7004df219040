// Continuous batching: one decoding loop for all requests. Step() runs one forward for everything that is
// ready. The engine has no thread and no lock of its own, so tests drive it by hand.
//
// Owner: in the server EngineThread. Thread: one at a time, in the server the engine thread.
//
// Invariants
//  1. Every request given to Submit gets exactly one OnFinish.
//  2. A sequence is admitted only if the model has pages for its prompt + max_tokens. Admission is first
//     come, first served.
//  3. The pages of a cancelled, expired or finished sequence are back in the pool before the next forward.
//  4. A failed row ends its own sequence and no other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/base/clock.h"
#include "core/engine/observer.h"
#include "core/engine/request.h"
#include "core/engine/speculation/speculation.h"
#include "core/engine/token_sink.h"
#include "core/language_model/language_model.h"
#include "core/text/tokenizer.h"

namespace pass {

struct EngineOptions {
  int max_sequences = 16;        // decoding or prefilling at a time
  int row_budget = 1 << 20;      // rows of one forward; the model's own limit holds too
  int prefill_chunk_rows = 128;  // of prompts in one forward, at most: fewer beside sequences that decode
  bool text_sources = true;      // `tree` drafts from the request's own text too, not from the model alone
  // Time that Prepare may spend on measuring what rows cost. What is not measured is learned while serving.
  absl::Duration measuring_time = absl::ZeroDuration();
  double control_share = 0.01;  // share of the forwards of `auto` that decode plain for comparison, 0 to 1
  absl::Duration slow_reader_limit = absl::Seconds(30);  // a sink that is not Ready for so long is cancelled

  // INVALID_ARGUMENT names the option and its range.
  absl::Status Validate() const;
};

using RequestHandle = uint64_t;  // never reused, never 0

class Sequence;
struct ForwardPart;
struct RowGrant;

class Engine {
 public:
  // All pointers are borrowed. `observer` may be null. `end_of_sequence_ids`: those of TextModel. `options`
  // must be valid.
  Engine(LanguageModel* model, const Tokenizer* tokenizer, std::vector<TokenId> end_of_sequence_ids,
         const EngineOptions& options, EngineObserver* observer, const Clock* clock);
  // Drops what is left and does not tell the sinks. EngineThread ends everything first.
  ~Engine();

  // Queues the request. It must be valid, which the server checks. The handle names it for Cancel.
  void Submit(RequestHandle handle, GenerationRequest request, std::shared_ptr<TokenSink> sink);
  // Ends the request before the next forward. No effect on an unknown or finished handle. `requested`: when
  // the client asked, if that is earlier than now.
  void Cancel(RequestHandle handle, FinishReason reason = FinishReason::kCancelled,
              absl::Time requested = absl::InfiniteFuture());
  void CancelAll(FinishReason reason, const absl::Status& error);

  // Measures what rows cost, if the options give time for it. Once, before the first Step.
  void Prepare();

  // Drops what was cancelled or has expired, and admits what fits. Step begins with it. It is public for a
  // caller that wants to know what still waits before the forward.
  void Admit();
  // Admits, runs one forward and hands its results on. False: there was nothing to do, because no sequence
  // runs or every one waits for its reader.
  bool Step();

  int num_running() const { return static_cast<int>(running_.size()); }
  int num_waiting() const { return static_cast<int>(waiting_.size()); }
  // A forward said so: the device is lost. Every request, those to come included, then ends with INTERNAL, and
  // only a new process helps.
  bool model_lost() const { return model_lost_; }
  // The earliest time at which Step has something to do without new input: a deadline or a slow reader's
  // limit.
  absl::Time NextWakeUp() const;

 private:
  using Sequences = std::vector<std::unique_ptr<Sequence>>;

  void EndLate(absl::Time now);
  void DropEnded(Sequences& sequences);
  bool AdmitNext();
  int PromptRows() const;
  void ChooseMethods(int prompt_rows);
  void MarkControl(ForwardReport& report);
  std::vector<RowGrant> GrantRows(int prompt_rows) const;
  absl::Status Draft(std::span<const RowGrant> grants);
  // Returns the indices into running_ of the sequences whose candidates were chosen from.
  std::vector<size_t> ChooseRows(std::span<const RowGrant> grants);
  bool RunForward();
  absl::StatusOr<std::vector<RowResult>> Forward(std::span<const Row> rows);
  void TakeResults(std::span<const RowResult> results, std::span<ForwardPart> parts, absl::Time start);
  absl::Status Keep(const Sequence& sequence, const ForwardPart& part);
  void NoteModelError(const Sequence& sequence, const absl::Status& status);
  void HandOver(std::span<const ForwardPart> parts, std::span<const size_t> choosers, absl::Time start);
  void FailForward(const absl::Status& status, std::span<const RowGrant> grants);
  void Report(Sequence& sequence, absl::Time now);
  void Finish(Sequence& sequence);

  LanguageModel* const model_;
  const Tokenizer* const tokenizer_;
  const std::vector<TokenId> end_of_sequence_ids_;
  const EngineOptions options_;
  EngineObserver no_observer_;
  EngineObserver* const observer_;
  const Clock* const clock_;
  const int row_budget_;
  Speculation speculation_;
  AutoPolicy::Choice choice_;        // for the sequences with `auto` in the next forward
  AutoPolicy::Choice plain_choice_;  // of the last forward, if it decoded plain for comparison or in a rest
  bool model_lost_ = false;
  Sequences waiting_;  // oldest first
  Sequences running_;  // oldest first
};

}  // namespace pass
