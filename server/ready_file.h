// The file that tells scripts where a started server listens.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace pass {

// Writes {"grpc":"host:port","metrics":"host:port"} beside `path` and renames it, so that a reader sees all
// or nothing.
absl::Status WriteReadyFile(const std::string& path, const std::string& grpc_address,
                            const std::string& metrics_address);

// Removes the file, if there is one: it must not name a server that does not serve. An empty path is no file.
// UNAVAILABLE: it is there and cannot be removed.
absl::Status RemoveReadyFile(const std::string& path);

}  // namespace pass
