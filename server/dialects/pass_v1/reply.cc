#include "server/dialects/pass_v1/reply.h"

#include <string>

#include "absl/time/time.h"

namespace pass::pass_v1 {
namespace {

v1::FinishReason ToProto(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return v1::FINISH_REASON_STOP;
    case FinishReason::kLength:
      return v1::FINISH_REASON_LENGTH;
    case FinishReason::kCancelled:
      return v1::FINISH_REASON_CANCELLED;
    case FinishReason::kDeadline:
      return v1::FINISH_REASON_DEADLINE;
    case FinishReason::kError:
      return v1::FINISH_REASON_ERROR;
  }
  return v1::FINISH_REASON_UNSPECIFIED;
}

double Ratio(int64_t part, int64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void SetFinish(const FinishReport& report, v1::Finish* finish) {
  finish->set_reason(ToProto(report.reason));
  if (!report.matched_stop_string.empty()) {
    finish->set_stop_string(report.matched_stop_string);
  } else if (report.matched_stop_id >= 0) {
    finish->set_stop_id(report.matched_stop_id);
  }
  finish->set_seed(report.seed);
  finish->mutable_usage()->set_prompt_tokens(report.prompt_tokens);
  finish->mutable_usage()->set_completion_tokens(report.completion_tokens);

  v1::Timing* timing = finish->mutable_timing();
  timing->set_queue_seconds(absl::ToDoubleSeconds(report.timing.queue));
  timing->set_prefill_seconds(absl::ToDoubleSeconds(report.timing.prefill));
  timing->set_decode_seconds(absl::ToDoubleSeconds(report.timing.decode));
  timing->set_first_token_seconds(absl::ToDoubleSeconds(report.timing.first_token));
  timing->set_total_seconds(absl::ToDoubleSeconds(report.timing.total));

  const SpeculationSummary& summary = report.speculation;
  v1::SpeculationSummary* speculation = finish->mutable_speculation();
  speculation->set_validation_steps(summary.validation_steps);
  speculation->set_forwards(summary.forwards);
  speculation->set_drafted(summary.drafted);
  speculation->set_accepted(summary.accepted);
  speculation->set_acceptance_rate(Ratio(summary.accepted, summary.drafted));
  speculation->set_mean_accepted_length(Ratio(summary.accepted, summary.validation_steps));
  for (const int64_t count : summary.drafted_by_position) speculation->add_drafted_by_position(count);
  for (const int64_t count : summary.accepted_by_position) speculation->add_accepted_by_position(count);
  if (summary.estimated_decode_speedup > 0) {
    speculation->set_estimated_decode_speedup(summary.estimated_decode_speedup);
  }
}

}  // namespace

void StreamReply::AddStep(const StepReport& report, Message* message) const {
  message->mutable_token_ids()->Add(report.token_ids.begin(), report.token_ids.end());
  message->mutable_text()->append(report.text);
  const std::string method(MethodName(report.method));
  const bool other = message->has_speculation() && message->speculation().method() != method;
  v1::StepSpeculation* sum = message->mutable_speculation();
  sum->set_method(other ? "mixed" : method);
  sum->set_drafted(sum->drafted() + report.drafted);
  sum->set_accepted(sum->accepted() + report.accepted);
  sum->set_rows(sum->rows() + report.rows);
  sum->set_forwards(sum->forwards() + report.forwards);
  sum->set_step_seconds(sum->step_seconds() + absl::ToDoubleSeconds(report.step_time));
}

void StreamReply::AddFinish(const FinishReport& report, Message* message) const {
  SetFinish(report, message->mutable_finish());
}

void WholeReply::AddStep(const StepReport& report, Message* message) const {
  message->mutable_token_ids()->Add(report.token_ids.begin(), report.token_ids.end());
  message->mutable_text()->append(report.text);
}

void WholeReply::AddFinish(const FinishReport& report, Message* message) const {
  SetFinish(report, message->mutable_finish());
}

}  // namespace pass::pass_v1
