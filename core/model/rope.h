// Rotary tables (Su et al., RoFormer, arXiv 2104.09864), with the frequency scaling that the model asks for
// (transformers, modeling_rope_utils.py: "llama3", "linear" and "yarn").
#pragma once

#include <vector>

#include "core/checkpoint/config.h"
#include "core/model/backend/attention_shapes.h"

namespace pass {

// fp32, for positions [0, context_length), of one of the model's rotations or of none (kNoRope).
RopeTables MakeRopeTables(const ModelConfig& config, int rope, at::Device device);

// One for each layer; layers of the same rotation share theirs.
std::vector<RopeTables> MakeRopeTablesOfLayers(const ModelConfig& config, at::Device device);

}  // namespace pass
