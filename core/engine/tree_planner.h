// Shares the rows of a forward among the sequences that decode by tree, so that the whole batch emits the most
// tokens per second.
//
// Average-reward rule: with `rate` tokens per second being what the engine makes now, a forward of n rows that
// is expected to bring v tokens is worth v - rate * t(n). For a number of prices per row the best choice of each
// tree is taken (row_choice.h); of these the planner keeps the choice with the highest worth under the true t(n).
// The candidates and groups of all trees compete through the common price. When nothing pays, each tree keeps
// its root alone.
//
// Everything that it knows it learns while serving: t(n), the rate by batch bucket, the worth of groups, what the
// sources' evidence means. It holds no text. Owner and thread: the engine's.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "core/decode/calibration.h"
#include "core/decode/tree.h"
#include "core/engine/group_values.h"
#include "core/engine/observer.h"
#include "core/engine/step_costs.h"

namespace pass {

class TreePlanner {
 public:
  // A sequence whose tree is grown.
  struct Offer {
    TreeDecoder* decoder = nullptr;
    int most_rows = 1;  // the root included
    bool sampled = false;
  };

  // `longest_group`: of all sequences.
  explicit TreePlanner(int longest_group);

  DraftCalibration* calibration() { return &calibration_; }
  StepCosts& costs() { return costs_; }

  // Nodes that are less likely to be reached are not worth growing.
  double least_reach() const;

  // Gives each decoder its rows. `other_rows`: what else rides in the forward; `most_rows`: of the forward.
  // `batch`: sequences that decode in it.
  void Plan(std::span<const Offer> offers, int other_rows, int most_rows, int batch);

  // What the forward of the last Plan took and brought, before any of its decoders is gone. Every forward
  // without prefill, planned here or not, teaches costs and rate.
  void Observe(const ForwardReport& report);

 private:
  struct Planned {
    Offer offer;
    int group = 0;  // rows of the group that its step began with
    int rows = 0;
  };
  struct Rate {
    double tokens = 0;  // smoothed, of a forward
    double seconds = 0;
  };

  // Tokens per second: what is made now, but no less than plain decoding would make.
  double RateOf(int batch) const;

  DraftCalibration calibration_;
  StepCosts costs_;
  std::array<GroupValues, 2> group_values_;  // greedy, sampled
  std::vector<Rate> rates_;                  // by batch bucket
  std::vector<Planned> planned_;             // of the last Plan
  double price_ = 0;
};

}  // namespace pass
