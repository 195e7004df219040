#include "core/engine/sequence.h"

#include <algorithm>
#include <utility>

#include "core/decode/pass.h"
#include "core/decode/plain.h"

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
  plain_ = std::make_unique<PlainDecoder>();
  if (request_.method == Method::kPass) {
    pass_ = std::make_unique<PassDecoder>(request_.lookahead, *context.model);
  }
  if (request_.method == Method::kTree || request_.method == Method::kAuto) {
    tree_ = std::make_unique<TreeDecoder>(TreeOptions{.lookahead = request_.lookahead,
                                                      .context_length = context.model->context_length,
                                                      .ngram = context.text_sources,
                                                      .successors = context.text_sources},
                                          context.calibration);
  }
}

Decoder& Sequence::decoder() const {
  if (method_ == Method::kTree) return *tree_;
  return method_ == Method::kPass ? *pass_ : *plain_;
}

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
          .decode_rows = method_ == Method::kPass ? request_.lookahead + 1 : 1,
          .left_out = left_out_};
}

int Sequence::Ask(std::vector<ProposalRequest>& requests) {
  const std::vector<ProposalRequest> wanted = decoder().Ask(frontier_);
  requests.insert(requests.end(), wanted.begin(), wanted.end());
  return static_cast<int>(wanted.size());
}

void Sequence::Answer(std::span<const Proposal> proposals) { decoder().Answer(frontier_, proposals); }

void Sequence::PlanRows(const RowGrant& grant, std::vector<Row>& rows) {
  const RowNeed needed = need();
  left_out_ = needed.decode_rows > 0 && needed.prefill_rows == 0 && !grant.decode ? left_out_ + 1 : 0;
  first_row_ = static_cast<int>(rows.size());
  num_prefill_rows_ = grant.prefill_rows;
  num_decode_rows_ = 0;
  num_lookahead_rows_ = 0;
  PlanPrefillRows(grant.prefill_rows, rows);
  if (grant.decode) PlanDecodeRows(rows);
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

void Sequence::PlanDecodeRows(std::vector<Row>& rows) {
  // The decoder thinks of its prefix as committed; the last rows of it may still be prefill rows of this
  // forward.
  const int first = static_cast<int>(rows.size());
  const int prefix = num_prefill_rows_ > 0 ? first - 1 : kCommittedPrefix;
  std::vector<Row> planned = decoder().Plan(frontier_);
  num_decode_rows_ = static_cast<int>(planned.size());
  for (Row& row : planned) {
    row.parent = row.parent == kCommittedPrefix ? prefix : first + row.parent;
    if (row.lookahead > 0) ++num_lookahead_rows_;
    rows.push_back(row);
  }
}

absl::Status Sequence::TakeResults(std::span<const RowResult> results) {
  commit_.clear();
  num_emitted_ = 0;
  release_before_ = 0;
  results = results.subspan(first_row_, num_prefill_rows_ + num_decode_rows_);
  const auto broken =
      std::ranges::find_if(results, [](const RowResult& result) { return !result.status.ok(); });
  if (broken != results.end()) {
    num_decode_rows_ = 0;  // the forward brought this sequence nothing
    return broken->status;
  }
  for (int i = 0; i < num_prefill_rows_; ++i) commit_.push_back(first_row_ + i);
  num_prefilled_ += num_prefill_rows_;
  if (!decodes()) return absl::OkStatus();
  const Absorbed absorbed = decoder().Absorb(frontier_, results.subspan(num_prefill_rows_));
  for (int row : absorbed.commit) commit_.push_back(first_row_ + num_prefill_rows_ + row);
  release_before_ = absorbed.release_before;
  MoveFrontier(absorbed);
  EmitTokens(absorbed);
  return absl::OkStatus();
}

void Sequence::EmitTokens(const Absorbed& absorbed) {
  for (TokenId token : absorbed.emitted) {
    TokenOutput::Pushed pushed = output_.Push(token);
    accounts_.AddToken(token, pushed.text);
    ++num_emitted_;
    if (pushed.end.has_value()) {
      End(*std::move(pushed.end), absl::InfiniteFuture());
      break;
    }
  }
  if (!absorbed.validation_step) return;
  accounts_.AddValidation(absorbed, num_emitted_);
  validated_ = true;
}

void Sequence::AddForward(const ForwardReport& forward, absl::Time now) {
  if (!decodes()) return;
  if (prefill_end_ == absl::InfiniteFuture()) prefill_end_ = now;
  accounts_.AddForward(method_, num_decode_rows_, forward);
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

FinishReport Sequence::Finish(const AutoPolicy& policy, absl::Time now) const {
  const absl::Time admitted = std::min(admitted_, now);
  const absl::Time prefill_end = std::min(prefill_end_, now);
  FinishReport report{.reason = end_->reason,
                      .matched_stop_string = end_->matched_stop_string,
                      .matched_stop_id = end_->matched_stop_id,
                      .error = end_->error,
                      .prompt_tokens = num_prompt_tokens(),
                      .completion_tokens = output_.num_tokens(),
                      .speculation = accounts_.Summary(policy),
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
