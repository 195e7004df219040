#include "server/ready_file.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace pass {

absl::Status WriteReadyFile(const std::string& path, const std::string& grpc_address,
                            const std::string& metrics_address) {
  const std::string draft = absl::StrCat(path, ".", getpid());
  std::ofstream file(draft, std::ios::trunc);
  file << nlohmann::ordered_json{{"grpc", grpc_address}, {"metrics", metrics_address}}.dump() << "\n";
  file.close();
  if (!file || std::rename(draft.c_str(), path.c_str()) != 0) {
    std::remove(draft.c_str());
    return absl::UnavailableError(
        absl::StrCat("cannot write ", path, " (--ready-file): choose a writable folder"));
  }
  return absl::OkStatus();
}

absl::Status RemoveReadyFile(const std::string& path) {
  if (path.empty() || unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot remove ", path, " (--ready-file), which is there already: ", std::strerror(errno),
                   "; name a file in a writable folder"));
}

}  // namespace pass
