// Adam (Kingma and Ba, arXiv 1412.6980) on the fp32 masters, by ATen's fused operator, with the recipe's learning rates:
// warm-up, then a cosine down to a fiftieth; gradients clipped to norm 1.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/train/lookahead_parameters.h"

namespace pass {

struct LearningRates {
  double embeddings = 0.1;         // bare embeddings learn nothing at a tenth of it
  double embeddings_later = 0.03;  // beside an adapter or a head, after `embedding_steps`
  int embedding_steps = 80;
  double adapter = 2e-3;
  double head_in = 1e-3, head_out = 3e-4;  // w1, w2: states that change fast are of no use to recurrent steps
  int warm_up_steps = 20;
  double last_fraction = 0.02;
};

class Optimizer {
 public:
  // `parameters`: the masters, changed by Step; shared with the caller.
  Optimizer(LookaheadParameters parameters, const LearningRates& rates);

  const LookaheadParameters& parameters() const { return parameters_; }
  int64_t steps() const { return steps_; }

  // `gradients`: fp32, in the order of Named(). `progress`: how far the run is, in [0, 1]. Returns the norm before clipping;
  // if it is not a number nothing is changed.
  double Step(std::vector<at::Tensor> gradients, double progress);

  // Everything that resuming needs: masters and moments, by name.
  std::vector<std::pair<std::string, at::Tensor>> State() const;
  void Restore(int64_t steps) { steps_ = steps; }  // after the tensors of State() were overwritten

 private:
  LookaheadParameters parameters_;
  LearningRates rates_;
  std::vector<at::Tensor> masters_, first_moments_, second_moments_;
  std::vector<std::string> names_;
  std::vector<double> later_rates_;  // of each master, after `embedding_steps`
  int64_t steps_ = 0;
};

}  // namespace pass
