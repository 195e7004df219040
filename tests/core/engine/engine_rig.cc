#include "tests/core/engine/engine_rig.h"

#include <utility>

#include "core/base/check.h"

namespace pass {

std::vector<TokenId> Bytes(std::string_view text) { return *ByteTokenizer().Encode(text); }

GenerationRequest Request(std::string_view prompt, int32_t max_tokens, Method method) {
  GenerationRequest request;
  request.id = std::string(prompt);
  request.prompt = Bytes(prompt);
  request.sampling.temperature = 0;
  request.max_tokens = max_tokens;
  request.method = method;
  request.lookahead = 4;
  return request;
}

EngineRig::EngineRig(const RigOptions& options, LogitsFunction logits, DraftFunction drafts)
    : model(options.model, std::move(logits), std::move(drafts)),
      engine(&model, &tokenizer, options.end_of_sequence_ids, options.engine, &observer, &clock) {
  PASS_CHECK(options.engine.Validate().ok());
  model.OnForward([this](std::span<const Row>) {
    clock.Advance(forward_time);
    return absl::OkStatus();
  });
}

std::shared_ptr<RecordingSink> EngineRig::Submit(GenerationRequest request) {
  auto sink = std::make_shared<RecordingSink>();
  engine.Submit(++last_handle_, std::move(request), sink);
  return sink;
}

void EngineRig::Run() {
  while (engine.Step()) {
  }
}

}  // namespace pass
