#include "tests/core/decode/broken_pass.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/decode/accept.h"
#include "core/decode/draft_chain.h"
#include "core/decode/pass.h"
#include "core/sampling/draw.h"
#include "core/sampling/filters.h"
#include "core/sampling/noise.h"

namespace pass {
namespace {

// The same distribution as if its temperature had been half as high.
Distribution Sharpened(Distribution q) {
  double sum = 0;
  for (float probability : q.probabilities) sum += probability * probability;
  for (float& probability : q.probabilities)
    probability = static_cast<float>(probability * probability / sum);
  return q;
}

}  // namespace

std::vector<Row> BrokenPass::Plan(const Frontier& frontier) {
  std::vector<Row> rows = {{.sequence = frontier.sequence,
                            .token = frontier.newest,
                            .position = frontier.position,
                            .sampling = frontier.sampling,
                            .output = drafting_ ? RowOutput::kToken : RowOutput::kDistribution}};
  const int lookahead_rows = has_head_ ? std::min(lookahead_, PassDecoder::kRowsWithHead) : lookahead_;
  const int count = drafting_ ? lookahead_rows : static_cast<int>(drafts_.size());
  for (int i = 0; i < count; ++i) {
    rows.push_back({.sequence = frontier.sequence,
                    .token = drafting_ ? 0 : drafts_[i],
                    .lookahead = drafting_ ? i + 1 : 0,
                    .position = frontier.position + 1 + i,
                    .parent = i,
                    .sampling = frontier.sampling,
                    .output = drafting_ && has_head_ ? RowOutput::kShortlist : RowOutput::kDistribution});
  }
  return rows;
}

Absorbed BrokenPass::Absorb(const Frontier& frontier, std::span<const RowResult> results) {
  Absorbed absorbed = drafting_ ? AbsorbDraft(frontier, results) : AbsorbValidation(frontier, results);
  drafting_ = !drafting_;
  return absorbed;
}

Absorbed BrokenPass::AbsorbDraft(const Frontier& frontier, std::span<const RowResult> results) {
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  base_ = frontier.position;
  drafts_.clear();
  q_.clear();
  handles_.clear();
  reach_ = 1;
  if (has_head_) {
    for (const RowResult& row : results.subspan(1)) handles_.push_back(row.drafts);
    return {.emitted = {results[0].token}, .commit = {0}};
  }
  for (int k = 1; k <= lookahead_; ++k) {
    const Distribution& q = results[k].distribution;
    int32_t position = base_ + 1 + k;
    int32_t base = base_;
    Purpose purpose = Purpose::kDraft;
    if (mistake_ == Mistake::kDraftNoiseIsReusedByEveryRound) {
      position = k;
      base = 0;
    }
    if (mistake_ == Mistake::kDraftAndResidualShareNoise) {
      base = 0;
      purpose = Purpose::kTarget;
    }
    drafts_.push_back(Draw(q, noise, position, base, purpose));
    q_.push_back(mistake_ == Mistake::kRatioAtAnotherTemperature ? Sharpened(q) : q);
  }
  return {.emitted = {results[0].token}, .commit = {0}};
}

// The drawn draft's own request, and one behind another token.
std::vector<ProposalRequest> BrokenPass::Ask(const Frontier& frontier) {
  const size_t drawn = drafts_.size();
  if (drawn >= handles_.size() || std::ssize(drafts_) >= lookahead_ || reach_ < DraftChain::kLeastReach) {
    return {};
  }
  const TokenId previous = drawn == 0 ? frontier.newest : drafts_.back();
  const auto other = static_cast<TokenId>((previous + 1) % vocab_size_);
  return {{.sequence = frontier.sequence, .handle = handles_[drawn], .previous = previous},
          {.sequence = frontier.sequence, .handle = handles_[drawn], .previous = other}};
}

void BrokenPass::Answer(const Frontier& frontier, std::span<const Proposal> proposals) {
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  const auto filter = [](const Proposal& proposal, const SamplingOptions& options) {
    return Filter(proposal.ids, proposal.log_probabilities, options).value();
  };
  Distribution q = filter(proposals[0], *frontier.sampling);
  const int32_t position = base_ + 2 + static_cast<int32_t>(drafts_.size());
  drafts_.push_back(Draw(q, noise, position, base_, Purpose::kDraft));
  if (handles_.size() == drafts_.size()) handles_.push_back(proposals[0].next);
  const auto drawn = std::ranges::find(proposals[0].ids, drafts_.back()) - proposals[0].ids.begin();
  reach_ *= std::exp(proposals[0].log_probabilities[drawn]);
  if (mistake_ == Mistake::kQNotNormalisedOverTheShortlist) {
    for (float& probability : q.probabilities) probability *= 0.7f;  // the rest is with the other tokens
  }
  if (mistake_ == Mistake::kQBehindAnotherToken) q = filter(proposals[1], *frontier.sampling);
  if (mistake_ == Mistake::kQBeforeTheFilters) {
    q = filter(proposals[0], {.temperature = frontier.sampling->temperature});
  }
  q_.push_back(std::move(q));
}

Absorbed BrokenPass::AbsorbValidation(const Frontier& frontier, std::span<const RowResult> results) {
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  Absorbed absorbed{.emitted = {}, .commit = {0}, .validation_step = true};
  const auto drafted = static_cast<int>(drafts_.size());
  absorbed.drafted = drafted;
  if (has_head_) absorbed.release_before = std::numeric_limits<DraftHandle>::max();
  int i = 0;
  for (; i < drafted; ++i) {
    const int32_t position = frontier.position + 1 + i;
    double u = noise.Uniform(position, base_, Purpose::kAccept);
    if (mistake_ == Mistake::kDraftAndAcceptanceShareNoise) {
      u = noise.Bits(position, base_, Purpose::kDraft, drafts_[i]) * 0x1p-32;
    }
    if (!Accept(u, results[i].distribution.ProbabilityOf(drafts_[i]), q_[i].ProbabilityOf(drafts_[i]))) break;
    absorbed.emitted.push_back(drafts_[i]);
    absorbed.commit.push_back(i + 1);
  }
  absorbed.accepted = i;

  const bool rejected = i < drafted;
  if (rejected && mistake_ == Mistake::kCommitsTheRejectedDraft) absorbed.commit.push_back(i + 1);
  const bool wrong_row = !rejected && i > 0 && mistake_ == Mistake::kBonusFromWrongRow;
  const Distribution& p = results[wrong_row ? i - 1 : i].distribution;
  const bool wrong_key =
      mistake_ == (rejected ? Mistake::kStaleKeyAfterRejection : Mistake::kBonusReusesFirstTokensKey);
  const int32_t position = wrong_key ? frontier.position : frontier.position + 1 + i;
  absorbed.emitted.push_back(
      Draw(rejected ? Residual(p, q_[i]) : p, noise, position, /*base=*/0, Purpose::kTarget));
  return absorbed;
}

}  // namespace pass
