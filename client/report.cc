#include "client/report.h"

#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

using OrderedJson = nlohmann::ordered_json;

// Text from the server is UTF-8 by the protocol; `replace` keeps a faulty server from ending the client.
std::string Dump(const OrderedJson& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, OrderedJson::error_handler_t::replace);
}

}  // namespace

void Completion::Add(const v1::GenerateResponse& message) {
  token_ids.insert(token_ids.end(), message.token_ids().begin(), message.token_ids().end());
  text += message.text();
  if (message.has_finish()) {
    finish = message.finish();
  }
}

std::string_view FinishReasonText(v1::FinishReason reason) {
  switch (reason) {
    case v1::FINISH_REASON_STOP:
      return "stop";
    case v1::FINISH_REASON_LENGTH:
      return "length";
    case v1::FINISH_REASON_CANCELLED:
      return "cancelled";
    case v1::FINISH_REASON_DEADLINE:
      return "deadline";
    case v1::FINISH_REASON_ERROR:
      return "error";
    default:
      return "unspecified";
  }
}

double TokensPerSecond(const v1::Finish& finish) {
  const int later_tokens = finish.usage().completion_tokens() - 1;
  const double seconds = finish.timing().decode_seconds();
  return later_tokens > 0 && seconds > 0 ? later_tokens / seconds : 0;
}

double TokensPerForward(const v1::Finish& finish) {
  const auto forwards = static_cast<double>(finish.speculation().forwards());
  return forwards > 0 ? finish.usage().completion_tokens() / forwards : 0;
}

std::string StepJson(const v1::GenerateResponse& message) {
  if (message.token_ids().empty() && message.text().empty() && !message.has_speculation()) {
    return "";
  }
  const v1::StepSpeculation& step = message.speculation();
  OrderedJson json;
  json["type"] = "step";
  json["token_ids"] = message.token_ids();
  json["text"] = message.text();
  json["method"] = step.method();
  json["drafted"] = step.drafted();
  json["accepted"] = step.accepted();
  json["rows"] = step.rows();
  json["forwards"] = step.forwards();
  json["step_seconds"] = step.step_seconds();
  return Dump(json);
}

std::string SummaryJson(const Completion& completion) {
  const v1::Finish& finish = completion.finish;
  const v1::SpeculationSummary& speculation = finish.speculation();
  OrderedJson json;
  json["type"] = "summary";
  json["token_ids"] = completion.token_ids;
  json["text"] = completion.text;
  json["finish_reason"] = FinishReasonText(finish.reason());
  if (finish.matched_case() == v1::Finish::kStopString) json["stop_string"] = finish.stop_string();
  if (finish.matched_case() == v1::Finish::kStopId) json["stop_id"] = finish.stop_id();
  json["prompt_tokens"] = finish.usage().prompt_tokens();
  json["cached_tokens"] = finish.usage().cached_tokens();
  json["completion_tokens"] = finish.usage().completion_tokens();
  json["forwards"] = speculation.forwards();
  json["validation_steps"] = speculation.validation_steps();
  json["drafted"] = speculation.drafted();
  json["accepted"] = speculation.accepted();
  json["acceptance_rate"] = speculation.acceptance_rate();
  json["mean_accepted_length"] = speculation.mean_accepted_length();
  json["drafted_by_position"] = speculation.drafted_by_position();
  json["accepted_by_position"] = speculation.accepted_by_position();
  if (speculation.has_estimated_decode_speedup()) {
    json["estimated_decode_speedup"] = speculation.estimated_decode_speedup();
  }
  json["queue_seconds"] = finish.timing().queue_seconds();
  json["prefill_seconds"] = finish.timing().prefill_seconds();
  json["first_token_seconds"] = finish.timing().first_token_seconds();
  json["decode_seconds"] = finish.timing().decode_seconds();
  json["total_seconds"] = finish.timing().total_seconds();
  json["tokens_per_second"] = TokensPerSecond(finish);
  json["seed"] = finish.seed();
  return Dump(json);
}

std::string SummaryText(const v1::Finish& finish) {
  const v1::SpeculationSummary& speculation = finish.speculation();
  std::string text =
      absl::StrFormat("%d tokens, %d forwards (%.2f tokens each)", finish.usage().completion_tokens(),
                      speculation.forwards(), TokensPerForward(finish));
  if (speculation.drafted() > 0) {
    absl::StrAppendFormat(&text, ", acceptance rate %.0f%%, mean accepted length %.2f",
                          100 * speculation.acceptance_rate(), speculation.mean_accepted_length());
  }
  const std::string_view reason = FinishReasonText(finish.reason());
  absl::StrAppendFormat(&text, ", %.1f tokens/s, finish: %s\n", TokensPerSecond(finish), std::string(reason));
  return text;
}

}  // namespace pass
