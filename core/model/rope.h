// Rotary tables (Su et al., RoFormer, arXiv 2104.09864), with Llama 3's frequency scaling where the model asks for it
// (transformers, modeling_rope_utils.py, "llama3").
#pragma once

#include "core/checkpoint/config.h"
#include "core/model/step_ops.h"

namespace pass {

// fp32, for positions [0, context_length).
RopeTables MakeRopeTables(const LlamaConfig& config, at::Device device);

}  // namespace pass
