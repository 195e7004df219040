#include "bench/generator.h"

#include <memory>
#include <utility>

namespace pass::bench {

Generator::Generator(LanguageModel& model, const TextModel& text, const EngineOptions& options,
                     const Clock& clock)
    : engine_(&model, text.tokenizer.get(), text.end_of_sequence_ids, options, /*observer=*/nullptr, &clock) {
}

absl::StatusOr<std::vector<Completion>> Generator::Run(std::vector<GenerationRequest> requests) {
  std::vector<std::shared_ptr<CompletionSink>> sinks;
  for (GenerationRequest& request : requests) {
    sinks.push_back(std::make_shared<CompletionSink>());
    engine_.Submit(next_handle_++, std::move(request), sinks.back());
  }
  while (engine_.Step()) {
  }
  std::vector<Completion> completions;
  for (const auto& sink : sinks) {
    if (!sink->finished()) return absl::InternalError("the engine stopped before a request's end");
    if (sink->completion().finish.reason == FinishReason::kError) return sink->completion().finish.error;
    completions.push_back(sink->completion());
  }
  return completions;
}

}  // namespace pass::bench
