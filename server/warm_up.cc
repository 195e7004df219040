#include "server/warm_up.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr int32_t kTokens = 8;
constexpr char kText[] = "The first thing that the old man saw in the morning was the sea, and it was calm.";

class WaitingSink final : public TokenSink {
 public:
  void OnStep(const StepReport& /*report*/) override {}
  void OnFinish(const FinishReport& report) override {
    report_ = report;
    finished_.Notify();
  }
  const FinishReport& Wait() const {
    finished_.WaitForNotification();
    return report_;
  }

 private:
  FinishReport report_;
  absl::Notification finished_;
};

absl::Status RunBatch(int batch, Method method, const std::vector<TokenId>& prompt, const ServedModel& model,
                      EngineThread* engine) {
  std::vector<std::shared_ptr<WaitingSink>> sinks;
  for (int i = 0; i < batch; ++i) {
    GenerationRequest request;
    request.id = absl::StrCat("warm-up-", i);
    request.prompt = prompt;
    request.sampling.temperature = 0;
    request.max_tokens = kTokens;
    request.ignore_eos = true;
    request.method = method;
    request.lookahead = model.info.num_lookahead;
    sinks.push_back(std::make_shared<WaitingSink>());
    PASS_RETURN_IF_ERROR(engine->Submit(std::move(request), sinks.back()).status());
  }
  for (const auto& sink : sinks) {
    const FinishReport& report = sink->Wait();
    if (report.reason == FinishReason::kError) return report.error;
  }
  return absl::OkStatus();
}

// The text over and over, in ids, for prompts of any length.
absl::StatusOr<std::vector<TokenId>> PromptOf(int64_t length, const ServedModel& model) {
  PASS_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, model.text.tokenizer->Encode(kText));
  if (ids.empty()) return absl::InternalError("the tokenizer gives no tokens for plain text");
  std::vector<TokenId> prompt;
  for (int64_t i = 0; i < length; ++i) prompt.push_back(ids[static_cast<size_t>(i) % ids.size()]);
  return prompt;
}

}  // namespace

absl::Status WarmUp(const ServedModel& model, const WarmUpOptions& options, const Clock& clock,
                    EngineThread* engine) {
  const int64_t room = model.max_sequence_tokens - kTokens;
  if (room < 1) return absl::InvalidArgumentError(absl::StrCat("a context below ", kTokens + 1, " tokens"));
  PASS_ASSIGN_OR_RETURN(const std::vector<TokenId> one_line, PromptOf(std::min<int64_t>(room, 16), model));
  PASS_ASSIGN_OR_RETURN(const std::vector<TokenId> chunk,
                        PromptOf(std::min<int64_t>(room, options.prefill_rows + 1), model));
  const absl::Time end = clock.Now() + options.budget;
  constexpr Method kMethodsOfAuto[] = {Method::kPlain, Method::kTree};
  for (const Method method : kMethodsOfAuto) {
    PASS_RETURN_IF_ERROR(RunBatch(1, method, one_line, model, engine));
  }
  if (clock.Now() < end) PASS_RETURN_IF_ERROR(RunBatch(1, Method::kPlain, chunk, model, engine));
  for (int batch = 2; batch <= options.max_batch; batch *= 2) {
    for (const Method method : kMethodsOfAuto) {
      if (clock.Now() >= end) return absl::OkStatus();
      PASS_RETURN_IF_ERROR(RunBatch(batch, method, one_line, model, engine));
    }
  }
  return absl::OkStatus();
}

}  // namespace pass
