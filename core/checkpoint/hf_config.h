// config.json of a Hugging Face Llama, as transformers 4 and 5 write it. Torch-free.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"

namespace pass {

// INVALID_ARGUMENT names the file, the key and the cure: another architecture, a feature that is not computed
// (biases, activations other than silu, sliding windows, rope scaling other than llama3 and linear, quantised
// weights), a key of another type, sizes that do not go together. An absent key has the value that transformers
// gives it. Checked. `tied_embeddings` is what the file says: a stored head may differ.
absl::StatusOr<LlamaConfig> ReadHuggingFaceConfig(const std::string& path);

}  // namespace pass
