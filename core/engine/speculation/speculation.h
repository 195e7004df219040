// Everything that the engine asks about speculation, behind one object: whether to speculate in the next
// forward, which candidates of the trees get rows, and how long plain decoding would have taken. It learns
// from every forward. It decides about speed alone: no answer of it changes a token of `plain`, `tree` or
// `auto`.
//
// Owner and thread: the engine's.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/decode/calibration.h"
#include "core/engine/forward_report.h"
#include "core/engine/speculation/auto_policy.h"
#include "core/engine/speculation/prompt_costs.h"
#include "core/engine/speculation/tree_planner.h"

namespace pass {

class Speculation {
 public:
  // `control_share`: see AutoPolicy.
  Speculation(const ModelInfo& model, double control_share)
      : policy_(control_share), planner_(model.num_lookahead) {}

  // How likely candidates are, learned from all requests. The decoders use it and teach it.
  DraftCalibration* calibration() { return planner_.calibration(); }

  // Measures what a forward costs by its number of rows, for about `budget`. What is not measured is learned
  // while serving; so is everything if the model fails here.
  void MeasureCosts(LanguageModel& model, const Clock& clock, absl::Duration budget);

  // What sequences with `auto` do in the next forward, in which about `batch` sequences decode. Call it once
  // for each forward that has such a sequence. `comparable`: see AutoPolicy.
  AutoPolicy::Choice ChooseMethod(int batch, bool comparable) { return policy_.Choose(batch, comparable); }
  // A node with a smaller reach (core/decode/draft_tree.h) is not worth growing.
  double least_reach() const { return planner_.least_reach(); }
  // Which candidates get rows: one choice per offer, in order.
  std::vector<RowChoice> ShareRows(std::span<const TreePlanner::Offer> offers,
                                   const TreePlanner::Forward& forward) {
    return planner_.Plan(offers, forward);
  }

  // How many rows so many prompts may have beside those of decoders. The rows of one prompt add kShareOfAPrompt of the time that
  // the forward would take without them. So one prompt rarely more than doubles it. Never below kLeastPromptRows, unless `most`
  // is, and never above `most`.
  static constexpr double kShareOfAPrompt = 0.8;
  static constexpr int kLeastPromptRows = 8;
  int PromptRowsBeside(int decode_rows, int prompts, int most) const;

  // Tells what a forward took and brought. `outcomes`: what came of each offer that was given to ShareRows
  // for it, in order; null: that sequence failed.
  void Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes);

  // Time of a plain forward with so many sequences, which gives each one token. None if no such forward was
  // measured.
  std::optional<absl::Duration> PlainForwardTime(int batch) const;

 private:
  AutoPolicy policy_;
  TreePlanner planner_;
  PromptCosts prompt_costs_;
};

}  // namespace pass
