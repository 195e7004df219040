// The weights of a model, under their names in both formats, and what of a config can be true. Torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/checkpoint/config.h"

namespace pass {

struct ModelTensor {
  std::string name;            // Hugging Face: "model.layers.0.self_attn.q_proj.weight"
  std::string gguf_name;       // "blk.0.attn_q.weight"
  std::vector<int64_t> shape;  // row-major
  int rotary_heads = 0;        // > 0: the rows are this many heads, whose rotary pairs some files interleave
  bool is_norm = false;
};

// Every weight that a model of this config has. The config must be valid. O(layers).
std::vector<ModelTensor> ListTensors(const ModelConfig& config);

// INVALID_ARGUMENT, naming `path` and the field: a size that is missing, absurd, or does not go with the
// others.
absl::Status ValidateConfig(const std::string& path, const ModelConfig& config);
// The number of layers alone, before anything is made for each of them.
absl::Status CheckNumberOfLayers(const std::string& path, const ModelConfig& config);

// What YaRN multiplies cosines and sines by, for one of its two exponents (transformers' get_mscale).
double YarnMagnitude(double factor, double mscale);

}  // namespace pass
