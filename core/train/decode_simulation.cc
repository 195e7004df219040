#include "core/train/decode_simulation.h"

#include <algorithm>

namespace pass {
namespace {

constexpr double kReachThresholds[] = {0.03, 0.05, 0.08, 0.12, 0.17, 0.23, 0.3, 0.4, 0.5};
constexpr double kStopThresholds[] = {0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45};

struct Step {
  int rows = 1;
  int accepted = 0;
  bool group_at_end = false;
};

Step RunStep(const BestTree& tree, int group_rows, double least_reach, double least_stop) {
  int candidates = 0;
  while (candidates < static_cast<int>(tree.nodes.size()) && tree.nodes[candidates].reach >= least_reach)
    ++candidates;
  // Probability that the walk ends at the root (index 0) and at each candidate.
  std::vector<double> stop(candidates + 1);
  stop[0] = 1;
  for (int i = 0; i < candidates; ++i) {
    stop[i + 1] += tree.nodes[i].reach;
    stop[tree.nodes[i].parent + 1] -= tree.nodes[i].reach;
  }
  Step step{.rows = 1 + candidates, .accepted = tree.Accepted(candidates)};
  int last = 0;
  for (int i = 0; i < candidates; ++i) {
    if (tree.nodes[i].on_path) last = i + 1;
  }
  for (double probability : stop) step.rows += probability >= least_stop ? group_rows : 0;
  step.group_at_end = stop[last] >= least_stop;
  return step;
}

}  // namespace

double RowCosts::Seconds(int rows) const {
  size_t i = 1;
  while (i + 1 < points_.size() && points_[i].first < rows) ++i;
  const auto [low, low_seconds] = points_[i - 1];
  const auto [high, high_seconds] = points_[i];
  return low_seconds + (high_seconds - low_seconds) * (rows - low) / (high - low);
}

SimulatedSpeedup SimulateTrees(std::span<const std::vector<BestTree>> trees, int rows,
                               const RowCosts& costs) {
  SimulatedSpeedup best;
  for (double least_reach : kReachThresholds) {
    for (double least_stop : kStopThresholds) {
      double tokens = 0, seconds = 0, steps = 0, step_rows = 0;
      for (const std::vector<BestTree>& text : trees) {
        bool group = true;  // prefill leaves one
        for (size_t anchor = 0; anchor < text.size(); ++steps) {
          const Step step = group ? RunStep(text[anchor], rows, least_reach, least_stop)
                                  : Step{1 + rows, 0, /*group_at_end=*/true};
          tokens += step.accepted + 1;
          seconds += costs.Seconds(step.rows);
          step_rows += step.rows;
          group = step.group_at_end;
          anchor += step.accepted + 1;
        }
      }
      const double speedup = seconds > 0 ? tokens * costs.Seconds(1) / seconds : 1;
      if (speedup > best.speedup)
        best = {speedup, step_rows / steps, tokens / steps, least_reach, least_stop};
    }
  }
  return best;
}

}  // namespace pass
