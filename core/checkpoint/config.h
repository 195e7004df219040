// Hyperparameters of a Llama-architecture model. Torch-free.
#pragma once

#include <cstdint>
#include <optional>

namespace pass {

// rope_scaling of type "llama3" (Llama 3.1 release notes; transformers modeling_rope_utils.py).
struct Llama3RopeScaling {
  double factor = 8.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  int32_t original_context_length = 8192;
};

struct LlamaConfig {
  int64_t vocab_size = 0;  // rows of the embedding table
  int64_t width = 0;       // d
  int64_t ffn_width = 0;   // inner width of SwiGLU
  int num_layers = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  int32_t context_length = 0;  // positions
  double rms_epsilon = 1e-5;
  double rope_theta = 10000.0;
  std::optional<Llama3RopeScaling> rope_scaling = std::nullopt;
  // Every frequency of the rotation is divided by it: "linear" rope scaling, or position interpolation (Chen et
  // al., arXiv 2306.15595).
  double rope_linear_factor = 1.0;
  bool tied_embeddings = false;  // lm_head is the embedding table
};

}  // namespace pass
