// A Llama with random weights, made in memory: every code path of the step without a file.
#pragma once

#include <cstdint>
#include <memory>

#include "core/checkpoint/checkpoint.h"
#include "core/model/llama.h"
#include "core/model/load.h"

namespace pass::testing {

// Small in depth and vocabulary; head width 16 takes the kernels' general path.
LlamaConfig TinyConfig();
// The widths of SmolLM2-135M, two layers deep, a vocabulary of 512: the shapes whose row-invariance matters.
LlamaConfig SmolLmWidths();

// Random look-ahead tokens, with an adapter of this rank and a head of this hidden size; 0: none of them.
struct RandomLookahead {
  int count = 0;
  int64_t rank = 0;
  int64_t hidden = 0;
};
LookaheadTokens MakeRandomLookahead(const LlamaConfig& config, const RandomLookahead& sizes, uint64_t seed);

// Weights are a function of (seed, tensor name).
std::unique_ptr<Checkpoint> MakeRandomCheckpoint(const LlamaConfig& config, uint64_t seed);
std::unique_ptr<Llama> MakeRandomLlama(const LlamaConfig& config, ComputeType type, uint64_t seed,
                                       const RandomLookahead& lookahead, int64_t kv_pages = 64);

}  // namespace pass::testing
