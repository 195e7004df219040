#include "core/train/continuations.h"

#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/engine/observer.h"
#include "core/engine/token_sink.h"

namespace pass {
namespace {

class TokenCollector final : public TokenSink {
 public:
  void OnStep(const StepReport& report) override {
    tokens.insert(tokens.end(), report.token_ids.begin(), report.token_ids.end());
  }
  void OnFinish(const FinishReport& report) override { error = report.error; }

  std::vector<TokenId> tokens;
  absl::Status error;
};

// Keeps why the model failed first: a stream is told only that it did.
class FailureKeeper final : public EngineObserver {
 public:
  void OnModelError(const GenerationRequest& /*request*/, const absl::Status& error) override {
    failure.Update(error);
  }

  absl::Status failure;
};

}  // namespace

absl::StatusOr<std::vector<std::vector<TokenId>>> Continue(LanguageModel& model, const Tokenizer& tokenizer,
                                                           const std::vector<TokenId>& end_of_sequence_ids,
                                                           std::vector<GenerationRequest> requests,
                                                           int max_sequences, const std::atomic<bool>* stop) {
  const SystemClock clock;
  FailureKeeper keeper;
  Engine engine(&model, &tokenizer, end_of_sequence_ids, {.max_sequences = max_sequences}, &keeper, &clock);
  std::vector<std::shared_ptr<TokenCollector>> sinks;
  for (GenerationRequest& request : requests) {
    if (request.prompt.empty() || request.max_tokens < 1) {
      return absl::InvalidArgumentError(
          "a continuation of at least one token needs a prompt of at least one");
    }
    request.method = Method::kPlain;
    sinks.push_back(std::make_shared<TokenCollector>());
    engine.Submit(sinks.size(), std::move(request), sinks.back());
  }
  while (engine.num_running() + engine.num_waiting() > 0) {
    if (stop != nullptr && *stop) return absl::CancelledError("interrupted");
    engine.Step();
  }
  PASS_RETURN_IF_ERROR(keeper.failure);
  std::vector<std::vector<TokenId>> continuations;
  for (const auto& sink : sinks) {
    if (!sink->error.ok()) return sink->error;
    continuations.push_back(std::move(sink->tokens));
  }
  return continuations;
}

}  // namespace pass
