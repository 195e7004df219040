#include "core/decode/pass.h"

#include <algorithm>
#include <iterator>

#include "core/base/check.h"
#include "core/decode/methods.h"
#include "core/sampling/draw.h"
#include "core/sampling/noise.h"

namespace pass {

std::unique_ptr<Decoder> MakePassDecoder(const DecoderOptions& options) {
  return std::make_unique<PassDecoder>(options.lookahead, *options.model);
}

PassDecoder::PassDecoder(int lookahead, const ModelInfo& model, const AcceptanceRule& rule)
    : lookahead_(lookahead), context_length_(model.context_length), has_head_(model.has_head), rule_(rule) {
  PASS_CHECK(lookahead >= 0);
}

std::vector<Row> PassDecoder::Plan(const Frontier& frontier) {
  return phase_ == Phase::kDraft ? PlanDraft(frontier) : PlanValidation(frontier);
}

Absorbed PassDecoder::Absorb(const Frontier& frontier, std::span<const RowResult> results) {
  return phase_ == Phase::kDraft ? AbsorbDraft(frontier, results) : AbsorbValidation(frontier, results);
}

int PassDecoder::NumDrafts(const Frontier& frontier) const {
  // The draft of [LA]_k stands at n + 1 + k, which must be inside the context.
  return std::clamp(context_length_ - 2 - frontier.position, 0, lookahead_);
}

// Draft forward: x_n, [LA]_1 .. [LA]_L.
std::vector<Row> PassDecoder::PlanDraft(const Frontier& frontier) const {
  const int num_drafts = NumDrafts(frontier);
  const int num_rows = has_head_ ? std::min(num_drafts, kRowsWithHead) : num_drafts;
  std::vector<Row> rows = {{.sequence = frontier.sequence,
                            .token = frontier.newest,
                            .position = frontier.position,
                            .sampling = frontier.sampling,
                            .output = RowOutput::kToken}};
  for (int k = 1; k <= num_rows; ++k) {
    rows.push_back({.sequence = frontier.sequence,
                    .lookahead = k,
                    .position = frontier.position + k,
                    .parent = k - 1,
                    .sampling = frontier.sampling,
                    .output = has_head_ ? RowOutput::kShortlist : RowOutput::kDistribution});
  }
  return rows;
}

Absorbed PassDecoder::AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results) {
  chain_.Begin(/*base=*/frontier.position, NumDrafts(frontier));
  // Draft k ~ q_k, for k = 1 .. L. A head needs draft k-1 first: Ask and Answer draw them then.
  for (const RowResult& lookahead_row : results.subspan(1)) {
    if (!lookahead_row.status.ok()) break;
    if (has_head_) {
      chain_.DrawFrom(lookahead_row.drafts);
    } else {
      chain_.Draw(lookahead_row.distribution, *frontier.sampling);
    }
  }
  phase_ = Phase::kValidate;
  // x_{n+1} ~ p(. | x_0 .. x_n): the draft forward's own token. Look-ahead rows are dropped.
  return {.emitted = {results[0].token}, .commit = {0}};
}

std::vector<ProposalRequest> PassDecoder::Ask(const Frontier& frontier) {
  if (phase_ == Phase::kDraft) return {};
  return chain_.Ask(frontier);
}

void PassDecoder::Answer(const Frontier& frontier, std::span<const Proposal> proposals) {
  PASS_CHECK(proposals.size() == 1);
  chain_.Answer(proposals[0], *frontier.sampling);
}

// Validation forward: x_{n+1} and the drafts.
std::vector<Row> PassDecoder::PlanValidation(const Frontier& frontier) const {
  std::vector<Row> rows = {{.sequence = frontier.sequence,
                            .token = frontier.newest,
                            .position = frontier.position,
                            .sampling = frontier.sampling,
                            .output = RowOutput::kDistribution}};
  for (int i = 0; i < chain_.size(); ++i) {
    rows.push_back({.sequence = frontier.sequence,
                    .token = chain_.token(i),
                    .position = frontier.position + 1 + i,
                    .parent = i,
                    .sampling = frontier.sampling,
                    .output = RowOutput::kDistribution});
  }
  return rows;
}

Absorbed PassDecoder::AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results) {
  PASS_CHECK(std::ssize(results) == chain_.size() + 1);
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  Absorbed absorbed{.emitted = {}, .commit = {0}, .validation_step = true};
  absorbed.drafted = chain_.size();
  absorbed.drafted_positions = absorbed.drafted;
  absorbed.drafted_by_origin[static_cast<size_t>(DraftOrigin::kLookahead)] = absorbed.drafted;
  absorbed.release_before = chain_.end_of_handles();

  // Row i holds p for index position + 1 + i, the index of draft i.
  int i = 0;
  for (; i < absorbed.drafted; ++i) {
    const TokenId draft = chain_.token(i);
    const double u = noise.Uniform(frontier.position + 1 + i, chain_.base(), Purpose::kAccept);
    const float p = results[i].distribution.ProbabilityOf(draft);
    if (!rule_.accept(u, p, chain_.q(i).ProbabilityOf(draft))) break;
    absorbed.emitted.push_back(draft);
    if (!results[i + 1].status.ok()) break;
    absorbed.commit.push_back(i + 1);
  }
  absorbed.accepted = i;
  absorbed.accepted_from.assign(i, DraftOrigin::kLookahead);
  phase_ = Phase::kDraft;
  if (absorbed.emitted.size() == absorbed.commit.size())
    return absorbed;  // the last draft's row gave no distribution

  // After the first rejection: x ~ norm(max(0, p - q)). After none: one more token, x ~ p.
  const Distribution& p = results[i].distribution;
  const bool rejected = i < absorbed.drafted;
  const Distribution& last = rejected ? rule_.residual(p, chain_.q(i)) : p;
  absorbed.emitted.push_back(Draw(last, noise, frontier.position + 1 + i, /*base=*/0, Purpose::kTarget));
  return absorbed;
}

}  // namespace pass
