// A tiny random model with random look-ahead parameters, for the tests of training.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "core/base/check.h"
#include "core/train/frozen_model.h"
#include "core/train/lookahead_parameters.h"
#include "tests/core/model/random_model.h"

namespace pass::testing {

inline constexpr uint64_t kModelSeed = 11;

inline FrozenModel MakeFrozenModel(at::ScalarType type, const ModelConfig& config = TinyConfig()) {
  at::set_num_threads(
      1);  // as in training; a team of threads for a tiny model would only wait for each other
  auto tensors = LoadTensors(*MakeRandomCheckpoint(config, kModelSeed), type, at::kCPU, nullptr);
  PASS_CHECK(tensors.ok());
  return FrozenModel(config, *std::move(tensors));
}

// Every tensor random: the adapter's b and the head's w2 too, so that everything has an effect.
inline LookaheadParameters MakeParameters(const FrozenModel& model, const ParameterSizes& sizes,
                                          at::ScalarType type) {
  LookaheadParameters parameters = InitialParameters(model.config(), sizes, model.tensors(), /*seed=*/3);
  at::manual_seed(5);
  for (auto& [name, tensor] : parameters.Named()) tensor.normal_(0, 0.2);
  return parameters.Leaves(type);
}

inline std::vector<TokenId> MakeWindow(int length, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<TokenId> window(length);
  for (TokenId& token : window) token = static_cast<TokenId>(random() % TinyConfig().vocab_size);
  return window;
}

}  // namespace pass::testing
