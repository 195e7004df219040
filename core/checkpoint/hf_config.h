// config.json of a Hugging Face Llama, as transformers 4 and 5 write it. Torch-free.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"

namespace pass {

// INVALID_ARGUMENT names the file, the key and the cure: another architecture, a feature that is not computed
// (biases, activations other than silu, sliding windows, rope scaling other than llama3, quantised weights),
// a key that is missing or of another type, sizes that do not go together. Checked.
absl::StatusOr<LlamaConfig> ReadHuggingFaceConfig(const std::string& path);

}  // namespace pass
