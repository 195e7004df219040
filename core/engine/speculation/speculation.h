// Everything that the engine asks about speculation, behind one object: whether to speculate in the next forward, which
// candidates get rows, and what plain decoding would have taken instead. It learns from every forward. It decides about
// speed alone: no answer of it changes a token.
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
#include "core/engine/speculation/tree_planner.h"

namespace pass {

class Speculation {
 public:
  explicit Speculation(const ModelInfo& model) : planner_(model.num_lookahead) {}

  // How likely candidates are, learned from all requests; for their decoders.
  DraftCalibration* calibration() { return planner_.calibration(); }

  // Measures what a forward costs by its number of rows, for about so long. What is not measured, or if the model fails,
  // is learned while serving.
  void MeasureCosts(LanguageModel& model, const Clock& clock, absl::Duration budget);

  // The method that sequences with method `auto` take for the next forward, in which about `batch` sequences decode.
  // Once per forward that has such a sequence.
  Method ChooseMethod(int batch) { return policy_.Choose(batch); }
  // Candidates that are less likely to be accepted are not worth asking the model about.
  double least_reach() const { return planner_.least_reach(); }
  // Which offered candidates get rows: one choice per offer, in order.
  std::vector<RowChoice> ShareRows(std::span<const TreePlanner::Offer> offers,
                                   const TreePlanner::Forward& forward) {
    return planner_.Plan(offers, forward);
  }

  // A forward is over. `outcomes`: what came of each offer that was given to ShareRows for it; null: it failed.
  void Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes);

  // Time of a plain forward of such a batch, one token per sequence; none if no such forward was measured.
  std::optional<absl::Duration> PlainForwardTime(int batch) const { return policy_.PlainForwardTime(batch); }

 private:
  AutoPolicy policy_;
  TreePlanner planner_;
};

}  // namespace pass
