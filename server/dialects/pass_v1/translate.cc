#include "server/dialects/pass_v1/translate.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "server/dialects/pass_v1/prompt.h"
#include "server/dialects/pass_v1/unknown_fields.h"
#include "server/status_conversion.h"

namespace pass::pass_v1 {
namespace {

constexpr size_t kMaxRequestIdBytes = 128;
constexpr int kMaxStopStrings = 16;
constexpr size_t kMaxStopBytes = 256;
constexpr int kMaxStopIds = 64;
constexpr int32_t kDefaultMaxTokens = 256;
constexpr uint64_t kSeedLimit = uint64_t{1} << 53;  // exact in JSON and in a double

absl::Status UnknownModelError() {
  return absl::NotFoundError("no such model is loaded; GetModelInfo names the one that is");
}

template <typename Integer>
Integer Draw(Integer below) {
  thread_local absl::BitGen generator;
  return absl::Uniform<Integer>(generator, Integer{0}, below);
}

void TranslateId(const v1::GenerateRequest& request, GenerationRequest* result, Violations* violations) {
  if (!request.has_request_id()) {
    result->id = DrawRequestId();
    return;
  }
  const std::string& id = request.request_id();
  const bool printable = std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (id.empty() || id.size() > kMaxRequestIdBytes || !printable) {
    violations->Add("request_id",
                    absl::StrCat("1 to ", kMaxRequestIdBytes, " printable ASCII characters without spaces"));
    return;
  }
  result->id = id;
}

void TranslateSampling(const v1::Sampling& sampling, SamplingOptions* result, Violations* violations) {
  if (sampling.has_temperature()) result->temperature = sampling.temperature();
  if (sampling.has_top_k()) result->top_k = sampling.top_k();
  if (sampling.has_top_p()) result->top_p = sampling.top_p();
  if (sampling.has_min_p()) result->min_p = sampling.min_p();
  result->seed = sampling.has_seed() ? sampling.seed() : Draw(kSeedLimit);
  for (OptionViolation& violation : result->Validate()) {
    violations->Add(absl::StrCat("sampling.", violation.name), std::move(violation.description));
  }
}

void TranslateStopping(const v1::Stopping& stopping, int64_t vocab_size, GenerationRequest* result,
                       Violations* violations) {
  if (stopping.has_max_tokens() && stopping.max_tokens() < 1) {
    violations->Add("stopping.max_tokens", "must be at least 1");
  }
  if (stopping.stop_size() > kMaxStopStrings) {
    violations->Add("stopping.stop", absl::StrCat("at most ", kMaxStopStrings, " strings"));
  } else {
    for (int i = 0; i < stopping.stop_size(); ++i) {
      const std::string& stop = stopping.stop(i);
      if (stop.empty() || stop.size() > kMaxStopBytes) {
        violations->Add(absl::StrCat("stopping.stop[", i, "]"),
                        absl::StrCat("1 to ", kMaxStopBytes, " bytes"));
      }
      result->stop.push_back(stop);
    }
  }
  if (stopping.stop_ids_size() > kMaxStopIds) {
    violations->Add("stopping.stop_ids", absl::StrCat("at most ", kMaxStopIds, " ids"));
  } else {
    CheckTokenIds(stopping.stop_ids(), vocab_size, "stopping.stop_ids", violations);
    result->stop_ids.assign(stopping.stop_ids().begin(), stopping.stop_ids().end());
  }
  result->include_stop = stopping.include_stop();
  result->ignore_eos = stopping.ignore_eos();
}

void TranslateSpeculation(const v1::Speculation& speculation, int num_lookahead, const RequestLimits& limits,
                          GenerationRequest* result, Violations* violations) {
  const std::optional<Method> method =
      speculation.has_method() ? MethodOfName(speculation.method()) : limits.method;
  if (!method.has_value()) violations->Add("speculation.method", absl::StrCat("must be ", MethodNames()));
  result->method = method.value_or(limits.method);
  result->max_rows = limits.max_rows;
  if (speculation.has_max_rows()) result->max_rows = speculation.max_rows();
  if (result->max_rows < 1 || result->max_rows > kMostRows) {
    violations->Add("speculation.max_rows", absl::StrCat("must be from 1 to ", kMostRows));
  }
  result->lookahead = limits.lookahead < 0 ? num_lookahead : std::min(limits.lookahead, num_lookahead);
  if (!speculation.has_lookahead()) return;
  result->lookahead = speculation.lookahead();
  // Without look-ahead tokens, method "pass" has its own answer, the gateway's: FAILED_PRECONDITION.
  const bool too_many = speculation.lookahead() > num_lookahead &&
                        !(method.has_value() && NeedsLookahead(*method) && num_lookahead == 0);
  if (speculation.lookahead() < 0 || too_many) {
    violations->Add("speculation.lookahead", absl::StrCat("must be from 0 to ", num_lookahead));
  }
}

// Which field holds the prompt, as violations name it.
const char* PromptField(const v1::GenerateRequest& request) {
  if (request.has_text()) return "text";
  return request.has_chat() ? "chat.messages" : "token_ids.ids";
}

void FitIntoContext(const v1::GenerateRequest& request, int64_t prompt_tokens, int64_t limit,
                    GenerationRequest* result, Violations* violations) {
  const int64_t room = limit - prompt_tokens;
  if (room < 1) {
    violations->Add(
        PromptField(request),
        absl::StrCat(prompt_tokens, " tokens leave no room: prompt and completion may have ", limit));
    return;
  }
  const v1::Stopping& stopping = request.stopping();
  if (stopping.has_max_tokens() && stopping.max_tokens() > room) {
    violations->Add("stopping.max_tokens",
                    absl::StrCat("at most ", room, " beside a prompt of ", prompt_tokens,
                                 ": prompt and completion may have ", limit));
    return;
  }
  const int64_t unset = std::min<int64_t>(kDefaultMaxTokens, room);
  result->max_tokens = static_cast<int32_t>(stopping.has_max_tokens() ? stopping.max_tokens() : unset);
}

}  // namespace

std::string DrawRequestId() { return absl::StrFormat("%016x", Draw(~uint64_t{0})); }

absl::StatusOr<GenerationRequest> Translate(const v1::GenerateRequest& request, const ServedModel& model,
                                            const RequestLimits& limits) {
  if (request.has_model() && request.model() != model.info.name) return UnknownModelError();
  GenerationRequest result;
  Violations violations;
  RefuseUnknownFields(request, "", &violations);
  TranslateId(request, &result, &violations);
  TranslateSampling(request.sampling(), &result.sampling, &violations);
  TranslateStopping(request.stopping(), model.info.vocab_size, &result, &violations);
  TranslateSpeculation(request.speculation(), model.info.num_lookahead, limits, &result, &violations);
  if (request.has_skip_special_tokens()) result.skip_special_tokens = request.skip_special_tokens();

  absl::StatusOr<std::vector<TokenId>> prompt = TranslatePrompt(request, model, limits, &violations);
  if (prompt.ok() && !prompt->empty()) {
    FitIntoContext(request, static_cast<int64_t>(prompt->size()), model.max_sequence_tokens, &result,
                   &violations);
  }
  if (!violations.empty()) return violations.ToStatus();
  if (!prompt.ok()) {
    const bool ours = prompt.status().code() == absl::StatusCode::kFailedPrecondition;
    return ours ? prompt.status() : TextError(prompt.status(), result.id);
  }
  if (prompt->empty()) {
    violations.Add(PromptField(request), "must not be empty");  // text that no token stands for
    return violations.ToStatus();
  }
  result.prompt = *std::move(prompt);
  return result;
}

}  // namespace pass::pass_v1
