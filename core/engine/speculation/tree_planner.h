// Shares the rows of a forward among the sequences that decode by tree, so that the whole batch emits the
// most tokens per second.
//
// Let `rate` be the tokens per second that the engine makes now. A forward of n rows that is expected to
// bring v tokens is then worth v - rate * t(n); this is the average-reward rule. The planner tries a number
// of prices per row. For each it takes the best choice of each tree (core/decode/row_choice.h), and it keeps
// the choice with the highest worth under the true t(n). The candidates and groups of all trees compete
// through the common price. When nothing pays, each tree keeps its root alone.
//
// It learns while serving: t(n), the rate of each batch bucket, the worth of groups, and what the sources'
// evidence means. It holds no text. Owner: Speculation. Thread: the engine's.
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
  // One sequence, of whose candidates some are to be chosen.
  struct Offer {
    const RowOffer* rows = nullptr;  // borrowed until Plan returns
    int most_rows = 1;               // the newest token's included
    bool sampled = false;
  };
  // The forward, and what else rides in it.
  struct Forward {
    int other_rows = 0;
    int most_rows = 0;  // of the whole forward
    int batch = 1;      // sequences that decode in it
  };

  // `longest_group`: the most rows of any sequence's group.
  explicit TreePlanner(int longest_group);

  DraftCalibration* calibration() { return &calibration_; }
  StepCosts& costs() { return costs_; }

  // A node with a smaller reach is not worth growing.
  double least_reach() const;

  // One choice per offer, in order.
  std::vector<RowChoice> Plan(std::span<const Offer> offers, const Forward& forward);

  // Tells what a forward took, and what came of each offer of the last Plan, in order; null: that sequence
  // failed. Every forward without prefill teaches t(n) and the rate, whether or not it had offers.
  void Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes);

 private:
  struct Planned {
    bool sampled = false;
    int group = 0;  // rows of the group that its step drafted from
    int rows = 0;
  };
  struct Rate {
    double tokens = 0;  // of a forward, smoothed
    double seconds = 0;
  };

  // Tokens per second: what is made now, but at least what plain decoding would make.
  double RateOf(int batch) const;

  DraftCalibration calibration_;
  StepCosts costs_;
  std::array<GroupValues, 2> group_values_;  // greedy, sampled
  std::vector<Rate> rates_;                  // by batch bucket
  std::vector<Planned> planned_;             // of the last Plan
  double price_ = 0;
};

}  // namespace pass
