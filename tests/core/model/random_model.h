// A model with random weights, made in memory: every code path of the step without a file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/checkpoint/checkpoint.h"
#include "core/model/load.h"
#include "core/model/transformer.h"

namespace pass::testing {

// Small in depth and vocabulary; head width 16 takes the kernels' general path.
ModelConfig TinyConfig();
// The widths of SmolLM2-135M, two layers deep, a vocabulary of 512: the shapes whose row-invariance matters.
ModelConfig SmolLmWidths();

// Tiny models that between them have every switch of ModelConfig thrown, of odd depth; heads and widths differ from each
// other, windows are shorter than the texts of the tests.
ModelConfig
SandwichConfig();  // as Gemma 3: norms around blocks and in heads, GELU, windows, two rotations; and soft caps
ModelConfig
ScaledConfig();  // as Granite and SmolLM3: multipliers, layers without rotation; and a rotated part of a head
ModelConfig PostNormConfig();  // as OLMo 2, with biases, YaRN and scaled queries

// Random look-ahead tokens, with an adapter of this rank and a head of this hidden size; 0: none of them.
struct RandomLookahead {
  int count = 0;
  int64_t rank = 0;
  int64_t hidden = 0;
};
LookaheadTokens MakeRandomLookahead(const ModelConfig& config, const RandomLookahead& sizes, uint64_t seed);

// The device that is tested: that of the environment's PASS_TEST_DEVICE, such as "cuda"; without it the CPU.
std::string TestDevice();

// Weights are a function of (seed, tensor name). Weights of fewer bits are on the CPU whatever the device.
std::unique_ptr<Checkpoint> MakeRandomCheckpoint(const ModelConfig& config, uint64_t seed);
std::unique_ptr<Transformer> MakeRandomModel(const ModelConfig& config, ComputeType type, uint64_t seed,
                                             const RandomLookahead& lookahead, int64_t kv_pages = 64,
                                             WeightType weight_type = WeightType::kComputeType,
                                             std::string device = TestDevice());
// In fp32, without look-ahead tokens, on this backend.
std::unique_ptr<Transformer> MakeRandomModel(const ModelConfig& config, std::unique_ptr<Backend> backend);

}  // namespace pass::testing
