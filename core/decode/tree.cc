#include "core/decode/tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/decode/lookahead_source.h"
#include "core/decode/methods.h"
#include "core/decode/ngram_source.h"
#include "core/decode/successor_source.h"

namespace pass {
namespace {

constexpr double kMostOfReach = 0.98;  // what the children of a node may have of its reach together

}  // namespace

std::unique_ptr<Decoder> MakeTreeDecoder(const DecoderOptions& options) {
  return std::make_unique<TreeDecoder>(TreeOptions{.lookahead = options.lookahead,
                                                   .context_length = options.model->context_length,
                                                   .ngram = options.text_sources,
                                                   .successors = options.text_sources},
                                       options.calibration);
}

TreeDecoder::TreeDecoder(const TreeOptions& options, DraftCalibration* calibration)
    : options_(options), calibration_(calibration) {
  const auto add = [&](DraftOrigin origin, std::unique_ptr<DraftSource> source) {
    sources_.push_back({.origin = static_cast<size_t>(origin), .source = std::move(source)});
  };
  if (options.lookahead > 0) add(DraftOrigin::kLookahead, std::make_unique<LookaheadSource>());
  if (options.ngram) add(DraftOrigin::kNgram, std::make_unique<NgramSource>());
  if (options.successors) add(DraftOrigin::kSuccessor, std::make_unique<SuccessorSource>());
}

void TreeDecoder::Begin(const Frontier& frontier) {
  growing_ = true;
  tree_.Reset(frontier.text);
  choice_ = {.group = {0}};
  level_ = {0};
  for (const OriginSource& from : sources_) from.source->Begin(frontier);
}

std::vector<ProposalRequest> TreeDecoder::Ask(const Frontier& frontier) {
  if (!growing_) Begin(frontier);
  while (!level_.empty()) {
    std::vector<ProposalRequest> requests;
    asked_.clear();
    for (int node : level_) {
      if (tree_[node].depth > options_.max_proposal_depth) break;
      const std::optional<ProposalRequest> request = AskSources(node);
      if (!request.has_value()) continue;
      requests.push_back(*request);
      asked_.push_back(node);
    }
    if (!requests.empty()) return requests;
    GrowLevel(frontier, {});
  }
  Limit(frontier);
  return {};
}

// The first source that needs the model behind this node.
std::optional<ProposalRequest> TreeDecoder::AskSources(int node) const {
  for (const OriginSource& from : sources_) {
    if (std::optional<ProposalRequest> request = from.source->Ask(tree_, node)) return request;
  }
  return std::nullopt;
}

void TreeDecoder::Answer(const Frontier& frontier, std::span<const Proposal> proposals) {
  PASS_CHECK(proposals.size() == asked_.size());
  GrowLevel(frontier, proposals);
}

struct TreeDecoder::Candidate {
  int parent = 0;
  TokenId token = 0;
  double probability = 0;
  double reach = 0;
  Evidence evidence = {};
};

// Adds the children of the nodes of the level, the likeliest first while there is room, and makes those that
// are likely enough the next level.
void TreeDecoder::GrowLevel(const Frontier& frontier, std::span<const Proposal> proposals) {
  std::vector<Candidate> candidates;
  size_t next_asked = 0;
  for (int node : level_) {
    const Proposal* proposal = nullptr;
    if (next_asked < proposals.size() && asked_[next_asked] == node) {
      proposal = &proposals[next_asked++];
      tree_.SetNext(node, proposal->next);
      newest_handle_ = std::max(newest_handle_, proposal->next);
    }
    AddCandidates(frontier, node, proposal, candidates);
  }
  std::ranges::stable_sort(candidates, std::greater(), &Candidate::reach);
  const int room = options_.max_nodes - tree_.size();
  if (static_cast<int>(candidates.size()) > room) candidates.resize(std::max(0, room));
  level_.clear();
  for (const Candidate& candidate : candidates) {
    const int node = tree_.Add(candidate.parent, candidate.token, candidate.probability, candidate.evidence);
    if (tree_[node].reach >= frontier.least_reach) level_.push_back(node);
  }
}

// What the sources say of the tokens behind `node`, merged.
void TreeDecoder::AddCandidates(const Frontier& frontier, int node, const Proposal* proposal,
                                std::vector<Candidate>& candidates) {
  const int depth = tree_[node].depth + 1;
  // A candidate is of use if its own draw is one of the tokens left, and its row inside the context.
  if (depth > options_.max_depth || depth >= frontier.tokens_left ||
      frontier.position + depth >= options_.context_length) {
    return;
  }
  std::vector<Candidate> merged;
  Evidence other_tokens = {};  // of a token that the source does not name
  for (const auto& [origin, source] : sources_) {
    const std::vector<Draft> drafts = source->Drafts(tree_, node, proposal);
    if (drafts.empty()) continue;
    other_tokens[origin] = kAgainst;
    for (Candidate& candidate : merged) candidate.evidence[origin] = kAgainst;
    for (const Draft& draft : drafts) {
      auto found = std::ranges::find(merged, draft.token, &Candidate::token);
      if (found == merged.end()) {
        found = merged.insert(found, {.parent = node, .token = draft.token, .evidence = other_tokens});
      }
      found->evidence[origin] = draft.strength;
    }
  }
  double sum = 0;
  for (Candidate& candidate : merged) {
    candidate.probability =
        calibration_->Probability(candidate.evidence, depth, !frontier.sampling->greedy());
    sum += candidate.probability;
  }
  const double scale = sum > kMostOfReach ? kMostOfReach / sum : 1.0;
  for (Candidate& candidate : merged) {
    candidate.probability *= scale;
    candidate.reach = candidate.probability * tree_[node].reach;
  }
  std::ranges::stable_sort(merged, std::greater(), &Candidate::reach);
  if (static_cast<int>(merged.size()) > options_.max_children) merged.resize(options_.max_children);
  candidates.insert(candidates.end(), merged.begin(), merged.end());
}

// No look-ahead row at or past the context's end, and none whose candidates would come too late.
void TreeDecoder::Limit(const Frontier& frontier) {
  longest_group_.clear();
  for (int node = 0; node < tree_.size(); ++node) {
    const int32_t in_context = options_.context_length - 1 - frontier.position - tree_[node].depth;
    const int32_t in_time = frontier.tokens_left - tree_[node].depth - 2;
    longest_group_.push_back(std::clamp(std::min(in_context, in_time), 0, options_.lookahead));
  }
  offer_ = {.tree = &tree_, .longest_group = longest_group_, .group_rows = FreshRows()};
}

int TreeDecoder::FreshRows() const {
  int rows = 0;
  for (const OriginSource& from : sources_) rows = std::max(rows, from.source->fresh_rows());
  return rows;
}

std::vector<Row> TreeDecoder::Plan(const Frontier& frontier) {
  PASS_CHECK(growing_ && level_.empty());
  choice_.group.resize(tree_.size(), RowChoice::kLeftOut);
  row_of_.assign(tree_.size(), -1);
  group_row_of_.assign(tree_.size(), -1);
  std::vector<Row> rows;
  const auto add = [&](Row row) {
    row.sequence = frontier.sequence;
    row.sampling = frontier.sampling;
    rows.push_back(row);
    return static_cast<int>(rows.size()) - 1;
  };
  for (int node = 0; node < tree_.size(); ++node) {
    if (choice_.group[node] == RowChoice::kLeftOut) continue;
    const int parent = node == 0 ? kCommittedPrefix : row_of_[tree_[node].parent];
    row_of_[node] = add({.token = tree_[node].token,
                         .position = frontier.position + tree_[node].depth,
                         .parent = parent,
                         .output = RowOutput::kToken});
  }
  num_candidates_ = static_cast<int>(rows.size()) - 1;
  // Groups behind all candidates, so that the rows of a path stay together.
  for (int node = 0; node < tree_.size(); ++node) {
    int parent = row_of_[node];
    for (int k = 1; k <= choice_.group[node]; ++k) {
      parent = add({.lookahead = k,
                    .position = frontier.position + tree_[node].depth + k,
                    .parent = parent,
                    .output = RowOutput::kShortlist});
      if (k == 1) group_row_of_[node] = parent;
    }
  }
  return rows;
}

Absorbed TreeDecoder::Absorb(const Frontier& frontier, std::span<const RowResult> results) {
  Absorbed absorbed{.emitted = {}, .commit = {}, .validation_step = true, .drafted = num_candidates_};
  const std::vector<int> walk = Walk(results, absorbed.emitted);
  for (int node : walk) absorbed.commit.push_back(row_of_[node]);
  absorbed.accepted = static_cast<int>(walk.size()) - 1;
  for (int node = 0; node < tree_.size(); ++node) {
    if (node == 0 || row_of_[node] < 0) continue;
    absorbed.drafted_positions = std::max(absorbed.drafted_positions, tree_[node].depth);
    ++absorbed.drafted_by_origin[static_cast<size_t>(OriginOf(tree_[node].evidence))];
  }
  for (size_t i = 1; i < walk.size(); ++i) {
    absorbed.accepted_from.push_back(OriginOf(tree_[walk[i]].evidence));
  }
  Learn(frontier, walk, results);
  KeepDrafts(frontier, walk, results, absorbed);
  growing_ = false;
  return absorbed;
}

std::vector<int> TreeDecoder::Walk(std::span<const RowResult> results, std::vector<TokenId>& emitted) const {
  std::vector<int> walk;
  const auto is_read = [&](int node) { return row_of_[node] >= 0 && results[row_of_[node]].status.ok(); };
  for (int node = 0; node >= 0 && is_read(node); node = tree_.Child(node, emitted.back())) {
    walk.push_back(node);
    emitted.push_back(results[row_of_[node]].token);
  }
  return walk;
}

void TreeDecoder::Learn(const Frontier& frontier, std::span<const int> walk,
                        std::span<const RowResult> results) {
  for (int node = 1; node < tree_.size(); ++node) {
    if (std::ranges::find(walk, tree_[node].parent) == walk.end()) continue;
    const TokenId target = results[row_of_[tree_[node].parent]].token;
    calibration_->Learn(tree_[node].evidence, tree_[node].depth, !frontier.sampling->greedy(),
                        target == tree_[node].token);
  }
  for (int node = 0; node < tree_.size(); ++node) {
    if (row_of_[node] < 0 || !results[row_of_[node]].status.ok()) continue;
    for (const OriginSource& from : sources_) {
      from.source->Learn(tree_[node].token, results[row_of_[node]].token);
    }
  }
}

// Hands the groups behind the accepted nodes to the sources, and says which handles are needed no more.
void TreeDecoder::KeepDrafts(const Frontier& frontier, std::span<const int> walk,
                             std::span<const RowResult> results, Absorbed& absorbed) {
  for (const RowResult& result : results) newest_handle_ = std::max(newest_handle_, result.drafts);
  std::vector<LookaheadGroup> groups;
  for (int node : walk) {
    LookaheadGroup group{.anchor = frontier.position + tree_[node].depth, .rows = {}};
    for (int k = 0; k < choice_.group[node]; ++k) {
      group.rows.push_back(results[group_row_of_[node] + k].drafts);
    }
    groups.push_back(std::move(group));
  }
  const StepEnd end{.frontier = frontier.position + static_cast<int32_t>(walk.size()),
                    .groups = groups,
                    .next = tree_[walk.back()].next};
  DraftHandle oldest = newest_handle_ + 1;
  for (const OriginSource& from : sources_) {
    from.source->Keep(end);
    const DraftHandle kept = from.source->oldest_kept();
    if (kept > 0) oldest = std::min(oldest, kept);
  }
  absorbed.release_before = newest_handle_ > 0 ? oldest : 0;
  absorbed.group_rows = FreshRows();
}

}  // namespace pass
