#include "tests/core/decode/decode_loop.h"

#include <algorithm>

#include "core/base/check.h"

namespace pass {
namespace {

void Forward(LanguageModel& model, std::span<DecodingStream* const> streams) {
  std::vector<Row> rows;
  for (DecodingStream* stream : streams) {
    stream->Draft();
    stream->Plan(rows);
  }
  const std::vector<RowResult> results = model.Forward(rows).value();
  for (DecodingStream* stream : streams) stream->Absorb(results);
}

}  // namespace

DecodingStream::DecodingStream(LanguageModel& model, Decoder& decoder, const SamplingOptions& sampling,
                               std::span<const TokenId> prompt, int num_tokens)
    : model_(model), decoder_(decoder), num_tokens_(num_tokens), text_(prompt.begin(), prompt.end()) {
  // Room for a broken decoder that commits more than it emits.
  const int room = 2 * (static_cast<int>(prompt.size()) + num_tokens);
  frontier_.sequence = model.Open(std::min(room, model.info().context_length)).value();
  frontier_.sampling = &sampling;
  frontier_.newest = prompt.back();
  frontier_.position = static_cast<int32_t>(prompt.size()) - 1;
  frontier_.text = text_;
  frontier_.tokens_left = num_tokens;
  frontier_.least_reach = 0;
  if (frontier_.position == 0) return;
  std::vector<Row> rows;
  std::vector<int> commit;
  for (int i = 0; i < frontier_.position; ++i) {
    rows.push_back({.sequence = frontier_.sequence, .token = prompt[i], .position = i, .parent = i - 1});
    commit.push_back(i);
  }
  PASS_CHECK(model.Forward(rows).ok() && model.Commit(frontier_.sequence, commit).ok());
}

void DecodingStream::Draft() {
  while (true) {
    const std::vector<ProposalRequest> requests = decoder_.Ask(frontier_);
    if (requests.empty()) return;
    decoder_.Answer(frontier_, model_.Propose(requests).value());
  }
}

void DecodingStream::Plan(std::vector<Row>& rows) {
  const std::vector<Row> planned = decoder_.Plan(frontier_);
  first_row_ = static_cast<int>(rows.size());
  num_rows_ = static_cast<int>(planned.size());
  for (Row row : planned) {
    if (row.parent != kCommittedPrefix) row.parent += first_row_;
    rows.push_back(row);
  }
}

void DecodingStream::Absorb(std::span<const RowResult> results) {
  Absorbed absorbed = decoder_.Absorb(frontier_, results.subspan(first_row_, num_rows_));
  ++decoded_.forwards;
  decoded_.validation_steps += absorbed.validation_step;
  decoded_.drafted += absorbed.drafted;
  decoded_.accepted += absorbed.accepted;
  if (absorbed.validation_step) decoded_.accepted_lengths.push_back(absorbed.accepted);
  for (TokenId token : absorbed.emitted) {
    decoded_.tokens.push_back(token);
    if (done()) return;
  }
  for (int& row : absorbed.commit) row += first_row_;
  PASS_CHECK(model_.Commit(frontier_.sequence, absorbed.commit).ok());
  if (absorbed.release_before > 0) model_.ReleaseDrafts(frontier_.sequence, absorbed.release_before);
  text_.insert(text_.end(), absorbed.emitted.begin(), absorbed.emitted.end());
  frontier_.newest = absorbed.emitted.back();
  frontier_.position += static_cast<int32_t>(absorbed.commit.size());
  frontier_.text = text_;
  frontier_.tokens_left = static_cast<int32_t>(num_tokens_ - decoded_.tokens.size());
}

Decoded Decode(LanguageModel& model, Decoder& decoder, const SamplingOptions& sampling,
               std::span<const TokenId> prompt, int num_tokens) {
  DecodingStream stream(model, decoder, sampling, prompt, num_tokens);
  DecodingStream* const alone[] = {&stream};
  while (!stream.done()) Forward(model, alone);
  return stream.decoded();
}

void DecodeInRandomBatches(LanguageModel& model, std::span<const std::unique_ptr<DecodingStream>> streams,
                           std::mt19937& random) {
  while (true) {
    std::vector<DecodingStream*> unfinished;
    for (const auto& stream : streams) {
      if (!stream->done()) unfinished.push_back(stream.get());
    }
    if (unfinished.empty()) return;
    std::shuffle(unfinished.begin(), unfinished.end(), random);
    unfinished.resize(1 + random() % unfinished.size());
    Forward(model, unfinished);
  }
}

}  // namespace pass
