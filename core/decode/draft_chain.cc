#include "core/decode/draft_chain.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/sampling/draw.h"
#include "core/sampling/filters.h"
#include "core/sampling/noise.h"

namespace pass {

void DraftChain::Begin(int32_t base, int length) {
  base_ = base;
  length_ = length;
  tokens_.clear();
  q_.clear();
  handles_.clear();
  reach_ = 1;
  end_of_handles_ = 0;
}

void DraftChain::Draw(Distribution q, const SamplingOptions& sampling) {
  const int k = size() + 1;
  const Noise noise(sampling.seed, sampling.choice);
  tokens_.push_back(pass::Draw(q, noise, /*position=*/base_ + 1 + k, base_, Purpose::kDraft));
  q_.push_back(std::move(q));
}

void DraftChain::DrawFrom(DraftHandle row) {
  handles_.push_back(row);
  end_of_handles_ = std::max(end_of_handles_, row + 1);
}

std::vector<ProposalRequest> DraftChain::Ask(const Frontier& frontier) const {
  const size_t drawn = tokens_.size();
  if (drawn >= handles_.size() || size() >= length_ || reach_ < kLeastReach) return {};
  return {{.sequence = frontier.sequence,
           .handle = handles_[drawn],
           .previous = drawn == 0 ? frontier.newest : tokens_[drawn - 1]}};
}

void DraftChain::Answer(const Proposal& proposal, const SamplingOptions& sampling) {
  end_of_handles_ = std::max(end_of_handles_, proposal.next + 1);
  absl::StatusOr<Distribution> q = Filter(proposal.ids, proposal.log_probabilities, sampling);
  if (q.ok()) {
    Draw(*std::move(q), sampling);
    if (handles_.size() == tokens_.size()) handles_.push_back(proposal.next);  // behind the last row
    const auto drawn = std::ranges::find(proposal.ids, tokens_.back()) - proposal.ids.begin();
    reach_ *= std::exp(proposal.log_probabilities[drawn]);
  } else {
    handles_.clear();
  }
}

}  // namespace pass
