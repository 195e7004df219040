// The loss of one window and its gradients.
//
// Loss, in nats per anchor: KL(teacher || row) of each look-ahead row, and, with a head, KL of each state after the head and
// of its recurrent steps. They are taken over the tokens that the teacher finds likely somewhere in the window and some at
// random, which is a twentieth of the work; the rows' own, which make the shortlist, now and then over the vocabulary. A prediction k tokens ahead weighs 0.8^(k-1).
// Where overlap_share is over 0 this share of the head's KL gives way to -log(sum of min(p, q)) (divergence.h), both at the temperature below.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "core/base/token_id.h"
#include "core/train/divergence.h"
#include "core/train/frozen_model.h"

namespace pass {

struct LossOptions {
  double decay = 0.8;
  double row_weight = 0.5;     // of the rows themselves beside the head; 1 without a head
  double least_likely = 3e-4;  // a token this likely at some position of the window is scored by the head
  int random_tokens = 1024;    // scored besides
  int vocabulary_every = 4;    // one window in so many is scored over the vocabulary
  int recurrent_steps = 4;     // after the head of [LA]_1; one fewer after [LA]_2; none behind later rows
  double second_chain_weight = 0.5;  // of the recurrent steps after [LA]_2
  double overlap_share = 0;          // in [0, 1]
  double overlap_temperature = 0.8;  // of p and q where overlap_share is over 0
};

// Means over predictions k tokens ahead; [k - 1].
struct PredictionSums {
  std::vector<double> count, kl, top1, overlap;

  void Add(int k, const RowDivergence& divergence);
  void Add(const PredictionSums& other);
  void Scale(double factor);
};

struct WindowResult {
  double loss = 0;
  PredictionSums rows;                // before the head
  PredictionSums head;                // after it, from the row of [LA]_k
  PredictionSums recurrent;           // by recurrent steps from [LA]_1; [k - 1]: k tokens ahead, k >= 2
  std::vector<at::Tensor> gradients;  // in the order of leaves.Named(), undefined where nothing depends
};

// `leaves`: as LookaheadParameters::Leaves; read only, many windows may share them. `seed`: of the random tokens.
WindowResult ComputeWindow(const FrozenModel& model, std::span<const TokenId> window,
                           std::span<const GroupRow> rows, const LookaheadParameters& leaves,
                           const LossOptions& options, uint64_t seed);

}  // namespace pass
