#include "core/decode/lookahead_source.h"

#include <algorithm>
#include <cmath>

#include "core/sampling/draft_rank.h"
#include "core/sampling/filters.h"
#include "core/sampling/noise.h"

namespace pass {
namespace {

constexpr size_t kMostDrafts = 8;
// Lower bounds of the strengths from kWeakest on, of the probability that the source gives a candidate.
constexpr double kBounds[] = {0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95};
static_assert(kWeakest + std::size(kBounds) - 1 <= kMaxStrength);

std::vector<RankedDraft> Greedy(const Proposal& proposal) {
  std::vector<RankedDraft> drafts;
  for (size_t i = 0; i < std::min(kMostDrafts, proposal.ids.size()); ++i) {
    drafts.push_back({proposal.ids[i], proposal.log_probabilities[i]});
  }
  return drafts;
}

std::vector<RankedDraft> Sampled(const Proposal& proposal, const SamplingOptions& options, int32_t position) {
  const absl::StatusOr<Distribution> q = Filter(proposal.ids, proposal.log_probabilities, options);
  if (!q.ok()) return {};
  const Noise noise(options.seed, options.choice);
  std::vector<RankedDraft> drafts = RankDrafts(*q, &noise, position);
  if (drafts.size() > kMostDrafts) drafts.resize(kMostDrafts);
  return drafts;
}

}  // namespace

void LookaheadSource::Begin(const Frontier& frontier) {
  frontier_ = frontier;
  if (next_index_ == frontier.position) return;
  // Since the last step of a tree, the request has decoded plain.
  next_ = 0;
  next_index_ = frontier.position;
}

std::optional<ProposalRequest> LookaheadSource::Ask(const DraftTree& tree, int node) const {
  const int32_t index = frontier_.position + tree[node].depth;
  DraftHandle handle = 0;
  if (Serves(group_, index)) {
    handle = group_.rows[index - group_.anchor - 1];
  } else if (node > 0) {
    handle = tree[tree[node].parent].next;
  } else if (next_index_ == index) {
    handle = next_;
  }
  if (handle == 0) return std::nullopt;
  return ProposalRequest{.sequence = frontier_.sequence, .handle = handle, .previous = tree[node].token};
}

std::vector<Draft> LookaheadSource::Drafts(const DraftTree& tree, int node, const Proposal* proposal) {
  if (proposal == nullptr) return {};
  const int32_t position = frontier_.position + tree[node].depth + 1;  // of the token that is predicted
  const SamplingOptions& options = *frontier_.sampling;
  std::vector<Draft> drafts;
  for (const RankedDraft& draft :
       options.greedy() ? Greedy(*proposal) : Sampled(*proposal, options, position)) {
    const double probability = std::exp(draft.log_probability);
    if (probability < kBounds[0]) break;
    const auto bound = std::ranges::upper_bound(kBounds, probability);
    drafts.push_back({draft.token, static_cast<uint8_t>(kWeakest + (bound - std::begin(kBounds)) - 1)});
  }
  return drafts;
}

void LookaheadSource::Keep(const StepEnd& end) {
  // The youngest group that has a row for the token behind the newest one; the group before may still have.
  for (const LookaheadGroup& group : end.groups) {
    if (Serves(group, end.frontier)) group_ = group;
  }
  if (!Serves(group_, end.frontier)) group_ = {};
  next_ = end.next;
  next_index_ = end.frontier;
}

int LookaheadSource::fresh_rows() const {
  return group_.anchor + 1 == next_index_ ? static_cast<int>(group_.rows.size()) : 0;
}

DraftHandle LookaheadSource::oldest_kept() const {
  DraftHandle oldest = next_;
  for (const DraftHandle row : group_.rows) {
    if (row > 0) oldest = oldest > 0 ? std::min(oldest, row) : row;
  }
  return oldest;
}

}  // namespace pass
