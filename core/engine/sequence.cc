#include "core/engine/sequence.h"

#include <algorithm>
#include <utility>

namespace pass {

Sequence::Sequence(RequestHandle handle, GenerationRequest request, std::shared_ptr<TokenSink> sink,
                   const SequenceContext& context)
    : handle_(handle),
      request_(std::move(request)),
      sink_(std::move(sink)),
      context_(context),
      output_(&request_, context.tokenizer, context.end_of_sequence_ids),
      method_(request_.method == Method::kAuto ? Method::kPlain : request_.method),
      last_report_(request_.received) {
  const DecoderOptions options{.lookahead = request_.lookahead,
                               .model = context.model,
                               .calibration = context.calibration,
                               .text_sources = context.text_sources};
  for (const MethodEntry& entry : kMethods) {
    const bool used = request_.method == Method::kAuto ? entry.for_auto : entry.method == request_.method;
    if (used) decoders_[IndexOf(entry.method)] = entry.make(options);
  }
}

Decoder& Sequence::decoder() const { return *decoders_[IndexOf(method_)]; }

void Sequence::Admit(SequenceId id, absl::Time now) {
  model_id_ = id;
  admitted_ = now;
  text_.reserve(kv_tokens());
  text_ = request_.prompt;
  frontier_ = {.sequence = id,
               .newest = request_.prompt.back(),
               .position = num_prompt_tokens() - 1,
               .sampling = &request_.sampling,
               .text = text_,
               .tokens_left = request_.max_tokens};
}

void Sequence::MoveFrontier(const Absorbed& absorbed) {
  text_.insert(text_.end(), absorbed.emitted.begin(), absorbed.emitted.end());
  frontier_.newest = text_.back();
  frontier_.position += static_cast<int32_t>(absorbed.commit.size());
  frontier_.text = text_;
  frontier_.tokens_left -= static_cast<int32_t>(absorbed.emitted.size());
}

void Sequence::CheckReader(absl::Time now) {
  if (sink_->Ready()) {
    reader_wait_start_ = absl::InfiniteFuture();
  } else {
    reader_wait_start_ = std::min(reader_wait_start_, now);
  }
}

bool Sequence::MayChooseMethod() const { return request_.method == Method::kAuto && decoder().AtBoundary(); }

RowNeed Sequence::need() const {
  if (ended() || reader_wait_start_ != absl::InfiniteFuture()) return {};
  return {.prefill_rows = num_prompt_tokens() - 1 - num_prefilled_,
          .decode_rows = decoder().rows_wanted(),
          .left_out = left_out_};
}

int Sequence::Ask(double least_reach, std::vector<ProposalRequest>& requests) {
  frontier_.least_reach = least_reach;
  const std::vector<ProposalRequest> wanted = decoder().Ask(frontier_);
  requests.insert(requests.end(), wanted.begin(), wanted.end());
  return static_cast<int>(wanted.size());
}

void Sequence::Answer(std::span<const Proposal> proposals) { decoder().Answer(frontier_, proposals); }

ForwardPart Sequence::PlanRows(const RowGrant& grant, std::vector<Row>& rows) {
  const RowNeed needed = need();
  left_out_ = needed.decode_rows > 0 && needed.prefill_rows == 0 && !grant.decode ? left_out_ + 1 : 0;
  ForwardPart part{
      .method = method_, .first_row = static_cast<int>(rows.size()), .prefill_rows = grant.prefill_rows};
  PlanPrefillRows(grant.prefill_rows, rows);
  if (grant.decode) PlanDecodeRows(part, rows);
  return part;
}

void Sequence::PlanPrefillRows(int count, std::vector<Row>& rows) {
  for (int i = 0; i < count; ++i) {
    const int32_t position = num_prefilled_ + i;
    rows.push_back({.sequence = *model_id_,
                    .token = request_.prompt[position],
                    .position = position,
                    .parent = i == 0 ? kCommittedPrefix : static_cast<int>(rows.size()) - 1});
  }
}

void Sequence::PlanDecodeRows(ForwardPart& part, std::vector<Row>& rows) {
  // The decoder thinks of its prefix as committed; the last rows of it may still be prefill rows of this
  // forward.
  const int first = static_cast<int>(rows.size());
  const int prefix = part.prefill_rows > 0 ? first - 1 : kCommittedPrefix;
  std::vector<Row> planned = decoder().Plan(frontier_);
  part.decode_rows = static_cast<int>(planned.size());
  for (Row& row : planned) {
    row.parent = row.parent == kCommittedPrefix ? prefix : first + row.parent;
    if (row.lookahead > 0) ++part.lookahead_rows;
    rows.push_back(row);
  }
}

absl::Status Sequence::TakeResults(std::span<const RowResult> results, ForwardPart& part) {
  results = results.subspan(part.first_row, part.prefill_rows + part.decode_rows);
  for (const RowResult& result : results.first(part.prefill_rows + (part.decodes() ? 1 : 0))) {
    if (!result.status.ok()) return result.status;
  }
  for (int i = 0; i < part.prefill_rows; ++i) part.commit.push_back(part.first_row + i);
  num_prefilled_ += part.prefill_rows;
  if (!part.decodes()) return absl::OkStatus();
  part.absorbed = decoder().Absorb(frontier_, results.subspan(part.prefill_rows));
  for (int row : part.absorbed->commit) part.commit.push_back(part.first_row + part.prefill_rows + row);
  MoveFrontier(*part.absorbed);
  part.emitted = EmitTokens(*part.absorbed);
  return absl::OkStatus();
}

// Returns how many tokens a stop left.
int Sequence::EmitTokens(const Absorbed& absorbed) {
  int emitted = 0;
  for (TokenId token : absorbed.emitted) {
    TokenOutput::Pushed pushed = output_.Push(token);
    accounts_.AddToken(token, pushed.text);
    ++emitted;
    if (pushed.end.has_value()) {
      End(*std::move(pushed.end), absl::InfiniteFuture());
      break;
    }
  }
  if (absorbed.validation_step) {
    accounts_.AddValidation(absorbed, emitted);
    validated_ = true;
  }
  return emitted;
}

void Sequence::AddForward(const ForwardReport& forward, const ForwardPart& part, absl::Time now) {
  if (!part.absorbed.has_value()) return;
  if (prefill_end_ == absl::InfiniteFuture()) prefill_end_ = now;
  accounts_.AddForward(part.method, part.decode_rows, forward);
}

Sequence::TakenReport Sequence::TakeReport(absl::Time now) {
  TakenReport taken{.report = accounts_.TakeReport(),
                    .since_last = now - last_report_,
                    .first = first_report_ == absl::InfiniteFuture()};
  first_report_ = std::min(first_report_, now);
  last_report_ = now;
  validated_ = false;
  return taken;
}

void Sequence::End(SequenceEnd end, absl::Time since) {
  if (ended()) return;
  end_ = std::move(end);
  end_time_ = since;
}

FinishReport Sequence::Finish(const Speculation& speculation, absl::Time now) const {
  const absl::Time admitted = std::min(admitted_, now);
  const absl::Time prefill_end = std::min(prefill_end_, now);
  FinishReport report{.reason = end_->reason,
                      .matched_stop_string = end_->matched_stop_string,
                      .matched_stop_id = end_->matched_stop_id,
                      .error = end_->error,
                      .prompt_tokens = num_prompt_tokens(),
                      .completion_tokens = output_.num_tokens(),
                      .speculation = accounts_.Summary(speculation),
                      .timing = {},
                      .seed = request_.sampling.seed};
  report.timing = {.queue = admitted - request_.received,
                   .prefill = prefill_end - admitted,
                   .first_token = absl::ZeroDuration(),
                   .decode = now - prefill_end,
                   .total = now - request_.received};
  if (first_report_ != absl::InfiniteFuture()) report.timing.first_token = first_report_ - request_.received;
  return report;
}

}  // namespace pass
