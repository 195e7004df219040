#include "core/decode/pass.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/sampling/draw.h"
#include "core/sampling/noise.h"

namespace pass {

PassDecoder::PassDecoder(int lookahead, int32_t context_length, const AcceptanceRule& rule)
    : lookahead_(lookahead), context_length_(context_length), rule_(rule) {
  PASS_CHECK(lookahead >= 0);
}

std::vector<Row> PassDecoder::Plan(const Frontier& frontier) {
  return phase_ == Phase::kDraft ? PlanDraft(frontier) : PlanValidation(frontier);
}

Absorbed PassDecoder::Absorb(const Frontier& frontier, std::span<const RowResult> results) {
  return phase_ == Phase::kDraft ? AbsorbDraft(frontier, results) : AbsorbValidation(frontier, results);
}

// Draft forward: x_n, [LA]_1 .. [LA]_L.
std::vector<Row> PassDecoder::PlanDraft(const Frontier& frontier) const {
  // The draft of [LA]_k stands at n + 1 + k, which must be inside the context.
  const int num_drafts = std::clamp(context_length_ - 2 - frontier.position, 0, lookahead_);
  std::vector<Row> rows = {{.sequence = frontier.sequence,
                            .token = frontier.newest,
                            .position = frontier.position,
                            .sampling = frontier.sampling,
                            .output = RowOutput::kToken}};
  for (int k = 1; k <= num_drafts; ++k) {
    rows.push_back({.sequence = frontier.sequence,
                    .lookahead = k,
                    .position = frontier.position + k,
                    .parent = k - 1,
                    .sampling = frontier.sampling,
                    .output = RowOutput::kDistribution});
  }
  return rows;
}

Absorbed PassDecoder::AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results) {
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  base_ = frontier.position;
  drafts_.clear();
  q_.clear();
  // Draft k ~ q_k, for k = 1 .. L.
  for (size_t k = 1; k < results.size(); ++k) {
    const int32_t position = base_ + 1 + static_cast<int32_t>(k);
    q_.push_back(results[k].distribution);
    drafts_.push_back(Draw(q_.back(), noise, position, base_, Purpose::kDraft));
  }
  phase_ = Phase::kValidate;
  // x_{n+1} ~ p(. | x_0 .. x_n): the draft forward's own token. Look-ahead rows are dropped.
  return {.emitted = {results[0].token}, .commit = {0}};
}

// Validation forward: x_{n+1} and the drafts.
std::vector<Row> PassDecoder::PlanValidation(const Frontier& frontier) const {
  std::vector<Row> rows = {{.sequence = frontier.sequence,
                            .token = frontier.newest,
                            .position = frontier.position,
                            .sampling = frontier.sampling,
                            .output = RowOutput::kDistribution}};
  for (TokenId draft : drafts_) {
    const int parent = static_cast<int>(rows.size()) - 1;
    rows.push_back({.sequence = frontier.sequence,
                    .token = draft,
                    .position = frontier.position + parent + 1,
                    .parent = parent,
                    .sampling = frontier.sampling,
                    .output = RowOutput::kDistribution});
  }
  return rows;
}

Absorbed PassDecoder::AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results) {
  PASS_CHECK(results.size() == drafts_.size() + 1);
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  Absorbed absorbed{.emitted = {}, .commit = {0}, .validation_step = true};
  absorbed.drafted = static_cast<int>(drafts_.size());
  absorbed.drafted_positions = absorbed.drafted;

  // Row i holds p for index position + 1 + i, the index of draft i.
  int i = 0;
  for (; i < absorbed.drafted; ++i) {
    const TokenId draft = drafts_[i];
    const double u = noise.Uniform(frontier.position + 1 + i, base_, Purpose::kAccept);
    if (!rule_.accept(u, results[i].distribution.ProbabilityOf(draft), q_[i].ProbabilityOf(draft))) break;
    absorbed.emitted.push_back(draft);
    absorbed.commit.push_back(i + 1);
  }
  absorbed.accepted = i;

  // After the first rejection: x ~ norm(max(0, p - q)). After none: one more token, x ~ p.
  const Distribution& p = results[i].distribution;
  const bool rejected = i < absorbed.drafted;
  absorbed.emitted.push_back(Draw(rejected ? rule_.residual(p, q_[i]) : p, noise, frontier.position + 1 + i,
                                  /*base=*/0, Purpose::kTarget));
  phase_ = Phase::kDraft;
  return absorbed;
}

}  // namespace pass
