#include "core/train/continuations.h"

#include <memory>
#include <utility>

#include "core/base/clock.h"
#include "core/engine/engine.h"
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

}  // namespace

absl::StatusOr<std::vector<std::vector<TokenId>>> Continue(LanguageModel& model, const Tokenizer& tokenizer,
                                                           const std::vector<TokenId>& end_of_sequence_ids,
                                                           std::vector<GenerationRequest> requests,
                                                           int max_sequences) {
  const SystemClock clock;
  Engine engine(&model, &tokenizer, end_of_sequence_ids, {.max_sequences = max_sequences},
                /*observer=*/nullptr, &clock);
  std::vector<std::shared_ptr<TokenCollector>> sinks;
  for (GenerationRequest& request : requests) {
    request.method = Method::kPlain;
    sinks.push_back(std::make_shared<TokenCollector>());
    engine.Submit(sinks.size(), std::move(request), sinks.back());
  }
  while (engine.num_running() + engine.num_waiting() > 0) engine.Step();
  std::vector<std::vector<TokenId>> continuations;
  for (const auto& sink : sinks) {
    if (!sink->error.ok()) return sink->error;
    continuations.push_back(std::move(sink->tokens));
  }
  return continuations;
}

}  // namespace pass
