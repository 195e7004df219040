// Whether what a decoder samples is distributed as the model says: every sequence of a small model is
// enumerated, and decoding with many seeds must hit each as often as its probability says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/decode/decoder.h"
#include "tests/fakes/table_model.h"

namespace pass {

inline constexpr uint64_t kJointSeedBase = 20'231'122'000'000;

// Each output is longer than L + 2, so that positions after a rejected draft are decided anew.
struct JointCase {
  std::string name;
  int vocab_size = 0;
  int lookahead = 0;
  int num_tokens = 0;
  RandomLogitsOptions logits;
  SamplingOptions sampling;
  double agreement = -1;  // of the head with the target; below 0: no head
  int shortlist_size = 3;
  int seeds = 30'000;
};

TableModel JointModel(const JointCase& test);

using MakeDecoder = std::function<std::unique_ptr<Decoder>(int lookahead, const ModelInfo& model)>;

// Deviation of the sampled sequences from the enumerated joint distribution, as ChiSquareDeviation gives it.
// It stops early when that is beyond any doubt.
double JointDeviation(const JointCase& test, const MakeDecoder& make_decoder);

}  // namespace pass
