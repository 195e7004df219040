// Shares the rows of a forward among the sequences that decode by tree, so that the whole batch emits the
// most tokens per second.
//
// Let `rate` be the tokens per second that the engine makes now, and t(n) the seconds of a forward of n rows.
// A forward that is expected to bring v tokens is worth v - rate * t(n): its tokens less those that the
// engine would make in its time otherwise. The planner tries a number of prices of a row, in tokens. For each
// price it takes the best choice of each tree (core/decode/row_choice.h), and so gets one choice for the
// whole forward. It keeps the one that is worth most. So the candidates and look-ahead groups of all trees
// compete through one price. When nothing pays, each tree keeps its root alone.
//
// While serving it learns t(n), the rate for batches of each size (batch_bucket.h), and the worth of groups.
// It also owns the calibration, which the decoders teach what the evidence means. It holds no text.
//
// Owner: Speculation. Thread: the engine's.
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
  // What one sequence offers to choose from.
  struct Offer {
    const RowOffer* rows = nullptr;  // borrowed until Plan returns
    int most_rows = 1;               // the newest token's included
    bool sampled = false;
  };
  // The forward, and what else rides in it.
  struct Forward {
    int other_rows = 0;  // that no offer stands for, prefill rows included
    int most_rows = 0;   // of the whole forward
    int batch = 1;       // sequences that decode in it
  };

  // `longest_group`: the most rows of any sequence's group.
  explicit TreePlanner(int longest_group);

  DraftCalibration* calibration() { return &calibration_; }
  StepCosts& costs() { return costs_; }
  const StepCosts& costs() const { return costs_; }

  // A node with a smaller reach (core/decode/draft_tree.h) is not worth candidates behind it.
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
    int rows = 0;   // of the step, the newest token's included
  };
  struct Rate {
    double tokens = 0;   // of a forward of the bucket's largest batch (batch_scale.h), smoothed
    double seconds = 0;  // the same
  };

  // Tokens per second: what is made now, but at least what plain decoding would make.
  double RateOf(int batch) const;

  DraftCalibration calibration_;
  StepCosts costs_;
  std::array<GroupValues, 2> group_values_;  // greedy, sampled
  std::vector<Rate> rates_;                  // by batch bucket
  std::vector<Planned> planned_;             // of the last Plan
  double price_ = 0;  // of a row, in the choice that the last Plan kept; the highest if nothing paid
};

}  // namespace pass
