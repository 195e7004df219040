// Paths that people name in place of a model, each told apart with what to name in its stead. Torch-free.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace pass {

// For a folder that lacks a config.json or weights, or has an adapter's configuration. INVALID_ARGUMENT: an adapter, a
// folder of GGUF files, the outer folder of a hub's cache, PyTorch's own format. OK: none of them.
absl::Status RecogniseOtherFolder(const std::string& folder);

// For a path that is no folder. NOT_FOUND: nothing is there, and the path reads as a model's name on a hub,
// "organisation/model". OK: it does not, or there is a file.
absl::Status RecogniseHubName(const std::string& path);

}  // namespace pass
