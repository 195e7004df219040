// What is learned: look-ahead embeddings and, if wanted, the gated adapter and the head (core/model/lookahead/lookahead_file.h says
// what each tensor is). The masters are fp32; a step works on a copy in the compute type whose tensors are autograd leaves.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"
#include "core/model/lookahead/lookahead_file.h"
#include "core/model/weights.h"

namespace pass {

struct LowRankTensors {
  at::Tensor a;  // [r, in]
  at::Tensor b;  // [out, r]
};

// In the order of AdaptedLinears (core/model/lookahead/lookahead_tensors.h).
enum LayerLinear { kQkv = 0, kAttentionOut, kGateUp, kDown, kNumLayerLinears };

struct LookaheadParameters {
  at::Tensor embeddings;                                              // [L, d]
  std::vector<std::array<LowRankTensors, kNumLayerLinears>> adapter;  // per layer; empty: none
  // Of the head, [H, 2 d] and [d, H]; undefined: no head. This w1 works on inputs of size about 1: states divided by
  // state_rms and embeddings by embedding_rms, so that one learning rate suits both halves. The file holds the product.
  at::Tensor w1, w2;
  double state_rms = 1, embedding_rms = 1;

  bool has_head() const { return w1.defined(); }
  // Every tensor with the file's name for it, in a fixed order.
  std::vector<std::pair<std::string, at::Tensor>> Named() const;
  // Autograd leaves on a device: the embeddings in fp32 at least, the rest in the compute type.
  LookaheadParameters Leaves(const at::TensorOptions& compute) const;
};

struct ParameterSizes {
  int lookahead = 8;
  int adapter_rank = 16;  // 0: no adapter
  int head_hidden = 768;  // 0: no head
};

// Embeddings: the mean of the embedding table plus noise; a of the adapter and w1 random, b and w2 zero, so that at first
// the rows are those of bare embeddings. The same for the same seed.
LookaheadParameters InitialParameters(const ModelConfig& config, const ParameterSizes& sizes,
                                      const ModelTensors& model, uint64_t seed);

// Takes over into initial parameters what the file has and they want too. Further look-ahead tokens start as the file's
// last; of a higher rank or a larger hidden size the rest stays as it is, so that the rows are at first those of the file.
// INVALID_ARGUMENT: a rank or hidden size under the file's.
absl::Status TakeOver(const LookaheadTokens& file, const ModelConfig& config,
                      LookaheadParameters& parameters);

LookaheadTokens ToFile(const LookaheadParameters& parameters, const ModelConfig& config, LookaheadFacts facts,
                       std::vector<int32_t> frequent_tokens);

// Rounded to nearest even, as the file holds them, and back.
at::Tensor ToTensor(const Bf16Matrix& matrix);

}  // namespace pass
