// An engine on the table model with a clock that stands still, and builders for requests: what every test of
// this folder starts from.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/engine.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/recording_sink.h"
#include "tests/fakes/table_model.h"

namespace pass {

class RecordingObserver final : public EngineObserver {
 public:
  void OnAdmitted(const GenerationRequest& request, absl::Duration /*queue*/) override {
    admitted.push_back(request.id);
  }
  void OnForward(const ForwardReport& report) override { forwards.push_back(report); }
  void OnStep(const StepReport& report, absl::Duration since_last, bool first) override {
    steps.push_back(report);
    step_gaps.push_back(since_last);
    if (first) ++num_first_steps;
  }
  void OnFinish(const FinishReport& report) override { finishes.push_back(report); }
  void OnCancelFreed(absl::Duration time) override { cancels_freed.push_back(time); }
  void OnModelError(const GenerationRequest& request, const absl::Status& /*error*/) override {
    failed.push_back(request.id);
  }
  void OnState(const EngineState& state) override { last_state = state; }

  std::vector<std::string> admitted;
  std::vector<ForwardReport> forwards;
  std::vector<StepReport> steps;
  std::vector<absl::Duration> step_gaps;
  int num_first_steps = 0;
  std::vector<FinishReport> finishes;
  std::vector<absl::Duration> cancels_freed;
  std::vector<std::string> failed;
  EngineState last_state;
};

struct RigOptions {
  TableModelOptions model = {
      .vocab_size = ByteTokenizer::kEnd + 1, .context_length = 256, .num_lookahead = 4};
  EngineOptions engine;
  std::vector<TokenId> end_of_sequence_ids = {ByteTokenizer::kEnd};
};

// Greedy, plain, without stops; `prompt` byte by byte.
GenerationRequest Request(std::string_view prompt, int32_t max_tokens, Method method = Method::kPlain);

std::vector<TokenId> Bytes(std::string_view text);

class EngineRig {
 public:
  // Each forward takes `forward_time` on the clock.
  EngineRig(const RigOptions& options, LogitsFunction logits, DraftFunction drafts = nullptr);

  std::shared_ptr<RecordingSink> Submit(GenerationRequest request);
  // The handle of the request that was submitted last; they count from 1.
  RequestHandle last_handle() const { return last_handle_; }
  // Steps until there is nothing to do.
  void Run();

  absl::Duration forward_time = absl::Milliseconds(10);
  FakeClock clock;
  ByteTokenizer tokenizer;
  RecordingObserver observer;
  TableModel model;
  Engine engine;

 private:
  RequestHandle last_handle_ = 0;
};

}  // namespace pass
