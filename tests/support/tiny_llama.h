// A Llama of two layers with known random weights, as a GGUF file and as a Hugging Face folder.
// Vocabulary 8, width 32, 4 heads of 8 that share 2 key-value heads, feed-forward width 64, context 128.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/files/tensor_view.h"
#include "nlohmann/json.hpp"
#include "tests/support/gguf_builder.h"

namespace pass {

struct TinyTensor {
  std::vector<int64_t> shape;  // row-major
  std::vector<float> values;
};

// By Hugging Face name, in half-split order. `tied`: without lm_head.
using TinyWeights = std::map<std::string, TinyTensor>;
TinyWeights MakeTinyWeights(bool tied);

// config.json, before a test changes it.
nlohmann::json TinyConfig(bool tied);

// Views of the weights for WriteSafetensors; borrowed.
std::vector<TensorView> Views(const TinyWeights& weights);

// The metadata without tensors, and the whole file; q and k rows interleaved as GGUF wants them. F32.
GgufBuilder TinyGgufMetadata();
GgufBuilder TinyGguf(const TinyWeights& weights);

// The name that a weight has in GGUF.
std::string GgufName(const std::string& name);

}  // namespace pass
