// Rotary tables (Su et al., RoFormer, arXiv 2104.09864), with the frequency scaling that the model asks for
// (transformers, modeling_rope_utils.py, "llama3" and "linear").
#pragma once

#include "core/checkpoint/config.h"
#include "core/model/step_ops.h"

namespace pass {

// fp32, for positions [0, context_length).
RopeTables MakeRopeTables(const LlamaConfig& config, at::Device device);

}  // namespace pass
