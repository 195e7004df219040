#include "tests/core/decode/broken_tree.h"

#include <algorithm>

#include "core/sampling/draw.h"
#include "core/sampling/noise.h"

namespace pass {

// Row 0 is the root, rows 1 + t its children, rows 1 + v + t * v + u their children.
std::vector<Row> BrokenTree::Plan(const Frontier& frontier) {
  std::vector<Row> rows;
  const auto add = [&](TokenId token, int32_t depth, int parent) {
    rows.push_back({.sequence = frontier.sequence,
                    .token = token,
                    .position = frontier.position + depth,
                    .parent = parent,
                    .sampling = frontier.sampling,
                    .output = RowOutput::kDistribution});
  };
  add(frontier.newest, 0, kCommittedPrefix);
  if (mistake_ == TreeMistake::kCandidatesSeeLookahead) {
    add(0, 1, 0);
    rows.back().lookahead = 1;
    add(0, 2, 1);
    return rows;
  }
  for (TokenId token = 0; token < vocab_size_; ++token) add(token, 1, 0);
  for (TokenId first = 0; first < vocab_size_; ++first) {
    for (TokenId second = 0; second < vocab_size_; ++second) add(second, 2, 1 + first);
  }
  return rows;
}

Absorbed BrokenTree::Absorb(const Frontier& frontier, std::span<const RowResult> results) {
  const Noise noise(frontier.sampling->seed, frontier.sampling->choice);
  Absorbed absorbed{.emitted = {}, .commit = {0}, .validation_step = true};
  int row = 0;
  for (int depth = 0; depth <= 2; ++depth) {
    const bool bonus = depth == 2;
    const int at = bonus && mistake_ == TreeMistake::kDrawsBonusAtTheRoot ? 0 : row;
    int32_t position = frontier.position + depth + 1;
    if (mistake_ == TreeMistake::kNoiseOfTheRoot) position = frontier.position + 1;
    if (mistake_ == TreeMistake::kNoiseOfTheRow) position = row;
    const Distribution& p = results[at].distribution;
    TokenId token = Draw(p, noise, position, /*base=*/0, Purpose::kTarget);
    if (!bonus && mistake_ == TreeMistake::kAcceptsTheLikeliestChild) {
      token = p.ids[std::ranges::max_element(p.probabilities) - p.probabilities.begin()];
    }
    absorbed.emitted.push_back(token);
    if (bonus) break;
    const TokenId kept = mistake_ == TreeMistake::kCommitsASibling ? (token + 1) % vocab_size_ : token;
    const int first = row == 0 ? 1 : 1 + vocab_size_ + (row - 1) * vocab_size_;
    const int first_kept = depth == 0 ? 1 : 1 + vocab_size_ + (absorbed.commit.back() - 1) * vocab_size_;
    absorbed.commit.push_back(first_kept + kept);
    row = first + token;
  }
  absorbed.accepted = 2;
  return absorbed;
}

}  // namespace pass
