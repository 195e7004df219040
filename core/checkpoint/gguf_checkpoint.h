// A model in one GGUF file: metadata <architecture>.*, tensors token_embd, blk.N.*, output_norm and output.
// Torch-free.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint.h"

namespace pass {

// Llama 3's RoPE scaling stands in GGUF as a table of divisors, rope_freqs.weight: it is read if it is the
// one that a published Llama 3 has, and refused otherwise.
absl::StatusOr<std::unique_ptr<Checkpoint>> OpenGgufCheckpoint(const std::string& path);

}  // namespace pass
