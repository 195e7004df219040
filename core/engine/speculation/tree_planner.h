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
#include "core/decode/decoder.h"
#include "core/decode/row_choice.h"
#include "core/engine/forward_report.h"
#include "core/engine/speculation/group_values.h"
#include "core/engine/speculation/step_costs.h"

namespace pass {

class TreePlanner {
 public:
  // A sequence whose rows are to be chosen.
  struct Offer {
    const RowOffer* rows = nullptr;  // borrowed until Plan returns
    int most_rows = 1;               // the newest token's included
    bool sampled = false;
  };
  // What else rides in the forward.
  struct Forward {
    int other_rows = 0;
    int most_rows = 0;  // of the whole forward
    int batch = 1;      // sequences that decode in it
  };

  // `longest_group`: of all sequences.
  explicit TreePlanner(int longest_group);

  DraftCalibration* calibration() { return &calibration_; }
  StepCosts& costs() { return costs_; }

  // Nodes that are less likely to be reached are not worth growing.
  double least_reach() const;

  // One choice per offer, in order.
  std::vector<RowChoice> Plan(std::span<const Offer> offers, const Forward& forward);

  // What the forward of the last Plan took, and what came of each of its offers, in order; null: the sequence failed.
  // Every forward without prefill, planned here or not, teaches costs and rate.
  void Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes);

 private:
  struct Planned {
    bool sampled = false;
    int group = 0;  // look-ahead rows that its step drafted from
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
