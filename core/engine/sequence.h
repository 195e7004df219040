// One request in the engine: its prompt, its frontier (decoder.h), its decoders, its output and its accounts.
// It plans its rows of the next forward and takes their results. The engine calls the model and the sinks.
//
// Life: waiting -> Admit -> prefill (all prompt tokens but the last) -> decoding -> End. The last prompt
// token is the first newest token: its row may ride in the forward that has the last prefill rows.
//
// Owner and thread: the engine's. Not movable: rows point at its sampling options.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "core/decode/decoder.h"
#include "core/decode/methods.h"
#include "core/engine/accounts.h"
#include "core/engine/engine.h"
#include "core/engine/forward_part.h"
#include "core/engine/request.h"
#include "core/engine/scheduler.h"
#include "core/engine/token_output.h"
#include "core/engine/token_sink.h"
#include "core/language_model/language_model.h"

namespace pass {

// What all sequences share; borrowed.
struct SequenceContext {
  const ModelInfo* model = nullptr;
  const Tokenizer* tokenizer = nullptr;
  DraftCalibration* calibration = nullptr;
  std::span<const TokenId> end_of_sequence_ids;
  bool text_sources = true;
};

class Sequence {
 public:
  Sequence(RequestHandle handle, GenerationRequest request, std::shared_ptr<TokenSink> sink,
           const SequenceContext& context);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  RequestHandle handle() const { return handle_; }
  const GenerationRequest& request() const { return request_; }
  TokenSink& sink() const { return *sink_; }

  // Positions that it may come to commit.
  int32_t kv_tokens() const { return num_prompt_tokens() + request_.max_tokens; }
  void Admit(SequenceId id, absl::Time now);
  // The model's sequence; none while it waits.
  std::optional<SequenceId> model_id() const { return model_id_; }

  // Asks the sink whether its reader keeps up. While it does not, the sequence needs no rows.
  void CheckReader(absl::Time now);
  absl::Time reader_wait_start() const { return reader_wait_start_; }  // InfiniteFuture: the reader keeps up

  // True if the engine may choose the method of the next step: the request has method `auto`, and no round is
  // half done.
  bool MayChooseMethod() const;
  void SetMethod(Method method) { method_ = method; }

  RowNeed need() const;
  // The decoder of the next step.
  Decoder& decoder() const;
  // For a sequence that decodes in the next forward. Ask appends what its decoder wants proposed, and returns
  // how many requests that are; 0: nothing more. Answer hands it the proposals for them.
  int Ask(double least_reach, std::vector<ProposalRequest>& requests);
  void Answer(std::span<const Proposal> proposals);
  // Appends its granted rows to `rows`, which are those of the whole forward.
  ForwardPart PlanRows(const RowGrant& grant, std::vector<Row>& rows);

  // `results`: of the whole forward. `part`: what PlanRows returned; it is completed here. Afterwards the
  // emitted tokens are in the accounts, and the sequence may have ended. If it has not, the caller commits
  // the rows of part.commit. An error is that of a row which plain decoding would have too, and the caller ends the sequence.
  absl::Status TakeResults(std::span<const RowResult> results, ForwardPart& part);
  // Call it once the forward's time is known. `now`: the forward's end.
  void AddForward(const ForwardReport& forward, const ForwardPart& part, absl::Time now);

  // A report is due: a validation step was made, or the sequence ended and has tokens that no report showed.
  bool ReportDue() const { return validated_ || (ended() && accounts_.has_tokens()); }
  struct TakenReport {
    StepReport report;
    absl::Duration since_last;  // since the report before; for the first one, since the request was received
    bool first = false;
  };
  TakenReport TakeReport(absl::Time now);

  // Ends the sequence. Only the first call counts. Held-back text is shown after a stop or at max_tokens
  // only; a sequence that is cut off has shown a prefix of its text. `since`: when it should have ended, for
  // OnCancelFreed.
  void End(SequenceEnd end, absl::Time since);
  bool ended() const { return end_.has_value(); }
  absl::Time end_time() const { return end_time_; }
  FinishReport Finish(const Speculation& speculation, absl::Time now) const;

 private:
  int32_t num_prompt_tokens() const { return static_cast<int32_t>(request_.prompt.size()); }
  void MoveFrontier(const Absorbed& absorbed);
  void PlanPrefillRows(int count, std::vector<Row>& rows);
  void PlanDecodeRows(ForwardPart& part, std::vector<Row>& rows);
  int EmitTokens(const Absorbed& absorbed);

  const RequestHandle handle_;
  const GenerationRequest request_;
  const std::shared_ptr<TokenSink> sink_;
  const SequenceContext context_;
  std::array<std::unique_ptr<Decoder>, kNumMethods>
      decoders_;  // null where the request never uses the method
  TokenOutput output_;
  Accounts accounts_;

  std::optional<SequenceId> model_id_;
  std::vector<TokenId> text_;  // prompt and output
  Frontier frontier_;
  int32_t num_prefilled_ = 0;  // prompt tokens committed by prefill rows
  Method method_;              // of the next step; never kAuto
  int left_out_ = 0;           // as in RowNeed

  bool validated_ = false;  // a validation step was made since the last report

  std::optional<SequenceEnd> end_;
  absl::Time end_time_;
  absl::Time admitted_ = absl::InfiniteFuture();
  absl::Time prefill_end_ = absl::InfiniteFuture();
  absl::Time first_report_ = absl::InfiniteFuture();
  absl::Time last_report_;
  absl::Time reader_wait_start_ = absl::InfiniteFuture();
};

}  // namespace pass
