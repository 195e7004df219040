#include "bench/generator.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace pass::bench {

GenerationRequest MakeRequest(const EncodedPrompt& prompt, const Variant& variant,
                              const SamplingOptions& sampling, int tokens, uint64_t seed) {
  GenerationRequest request;
  request.id = absl::StrCat("bench-", seed);
  request.prompt = prompt.ids;
  request.sampling = sampling;
  request.sampling.seed = seed;
  request.max_tokens = tokens;
  request.ignore_eos = !prompt.chat;
  request.method = variant.method;
  request.lookahead = variant.lookahead;
  request.max_rows = variant.max_rows;
  return request;
}

Generator::Generator(LanguageModel& model, const TextModel& text, const EngineOptions& options,
                     const Clock& clock)
    : engine_(&model, text.tokenizer.get(), text.end_of_sequence_ids, options, /*observer=*/nullptr, &clock) {
  engine_.Prepare();
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
