// What tree decoding would gain with these drafts on a machine with these costs: walks along the model's own texts, step by
// step, with the trees and look-ahead groups that the best pair of thresholds chooses. The proposals' own cost is not in it.
//
// A step costs t(1 + candidates + look-ahead rows). Candidates are the nodes whose probability of being reached is at least
// one threshold; groups stand behind the nodes whose probability of being the walk's last is at least the other. A step that
// ends on a node without a group emits, in the next step, one token.
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/train/best_tree.h"

namespace pass {

// Seconds of a forward by its number of rows, linear between the given points and beyond the last.
class RowCosts {
 public:
  // Ascending rows, from 1; at least two.
  explicit RowCosts(std::vector<std::pair<int, double>> points) : points_(std::move(points)) {}
  double Seconds(int rows) const;

 private:
  std::vector<std::pair<int, double>> points_;
};

struct SimulatedSpeedup {
  double speedup = 1;
  double rows_per_step = 1;
  double tokens_per_step = 1;
  double least_reach = 0, least_stop = 0;  // the best thresholds
};

// `trees`: per text, one per anchor (BestTrees with the same `rows`).
SimulatedSpeedup SimulateTrees(std::span<const std::vector<BestTree>> trees, int rows, const RowCosts& costs);

}  // namespace pass
