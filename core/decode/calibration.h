// From what the sources say of a candidate to the probability that the target is it, learned while serving.
//
// Logistic regression on the evidence: one weight per source, strength and depth, greedy and sampled apart. A
// trial is a candidate behind a node that the walk came to, chosen for a row or not; it is a hit if the target
// drawn there is the candidate. Unlike counts per source it knows what it means that two sources agree, with few
// parameters, so that some hundred trials are enough. The weights begin at what is usual.
//
// Shared by all requests of an engine: it holds no text. Thread: the engine's.
#pragma once

#include <array>
#include <cstddef>

#include "core/decode/draft_tree.h"

namespace pass {

class DraftCalibration {
 public:
  DraftCalibration();

  // `depth`: the candidate's own, from 1.
  double Probability(const Evidence& evidence, int depth, bool sampled) const;
  void Learn(const Evidence& evidence, int depth, bool sampled, bool hit);

 private:
  static constexpr int kDepths = 4;  // the last one and all beyond it

  struct Weight {
    double value = 0;
    double squares = 0;  // of its gradients so far: what was seen often moves slowly
  };
  using Weights = std::array<std::array<Weight, kMaxStrength + 1>, kNumDraftOrigins>;

  static size_t IndexOf(int depth, bool sampled);

  std::array<Weights, 2 * kDepths> weights_;
};

}  // namespace pass
