// Learns while serving the probability that the target token is a given candidate, from what the draft
// sources say of it.
//
// What the sources say of one candidate is its Evidence (draft_tree.h). The probability is a logistic
// regression on it: one weight for each source, strength and depth, with greedy and sampled requests apart.
// It learns from trials. A trial is a candidate behind a node that the walk came to, whether or not the
// candidate had a row. It is a hit if the target token drawn at that node is the candidate. The regression
// has few parameters, so some hundred trials are enough, and it learns what it means that two sources agree.
// The weights begin at usual values.
//
// One object is shared by all requests of an engine. It holds no text. Thread: the engine's.
#pragma once

#include <array>
#include <cstddef>

#include "core/decode/draft_tree.h"

namespace pass {

class DraftCalibration {
 public:
  DraftCalibration();

  // That the target token is this candidate. `depth`: the candidate's own in its tree, from 1.
  double Probability(const Evidence& evidence, int depth, bool sampled) const;
  void Learn(const Evidence& evidence, int depth, bool sampled, bool hit);

 private:
  static constexpr int kDepths = 4;  // the last one stands for all beyond it too

  struct Weight {
    double value = 0;
    double squares = 0;  // of its gradients so far: the larger, the slower it moves
  };
  using Weights = std::array<std::array<Weight, kMaxStrength + 1>, kNumDraftOrigins>;

  static size_t IndexOf(int depth, bool sampled);

  std::array<Weights, 2 * kDepths> weights_;
};

}  // namespace pass
