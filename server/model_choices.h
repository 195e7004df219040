// What the settings and the loaded model make of each other, where nobody would see it otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/config.h"
#include "server/gateway/served_model.h"

namespace pass {

// What clients call the model: --model-name; or "org/name" for a snapshot in Hugging Face's cache
// (models--org--name/snapshots/<commit>), whose folder is called after a commit; or `own`, the name that its
// files give.
std::string ServedName(const ServerConfig& config, const std::string& own);

// One line for each setting that the model overrules, with what holds instead.
std::vector<std::string> OverruledChoices(const ServerConfig& config, const ServedModel& model);

// INVALID_ARGUMENT: --kv-cache-mib is more than the memory that is `available` (AvailableMemory), so that the
// system would end the process once the keys and values fill. For the CPU; a GPU has memory of its own.
absl::Status CheckMemory(const ServerConfig& config, std::optional<int64_t> available_bytes);

}  // namespace pass
