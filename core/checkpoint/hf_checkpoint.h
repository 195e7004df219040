// A model in a Hugging Face folder: config.json and model.safetensors, or model.safetensors.index.json and
// its shards. Torch-free.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint.h"

namespace pass {

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenHuggingFaceCheckpoint(const std::string& folder);

}  // namespace pass
