// The weights of a Llama, under their names in both formats, and what of a config can be true. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/checkpoint/config.h"

namespace pass {

struct LlamaTensor {
  std::string name;            // Hugging Face: "model.layers.0.self_attn.q_proj.weight"
  std::string gguf_name;       // "blk.0.attn_q.weight"
  std::vector<int64_t> shape;  // row-major
  int rotary_heads = 0;        // > 0: the rows are this many heads, whose rotary pairs GGUF interleaves
};

// Every weight that a model of this config has. The config must be valid. O(layers).
std::vector<LlamaTensor> ListTensors(const LlamaConfig& config);

// INVALID_ARGUMENT, naming `path` and the field: a size that is missing, absurd, or does not go with the
// others.
absl::Status ValidateConfig(const std::string& path, const LlamaConfig& config);

}  // namespace pass
