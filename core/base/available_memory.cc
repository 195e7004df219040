#include "core/base/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "core/base/cgroup_folders.h"

namespace pass {
namespace {

// A file that holds one number; none where it holds another word, as "max" for no limit.
std::optional<int64_t> Number(const std::string& path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (!(file >> number)) return std::nullopt;
  return number;
}

// The number after a key, in a file of lines "key number" or "Key:  number kB".
std::optional<int64_t> NumberOfKey(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    int64_t number = 0;
    if (words >> word >> number && word == key) return number;
  }
  return std::nullopt;
}

std::optional<int64_t> Left(const CgroupFolder& folder) {
  const bool second = folder.version == 2;
  const auto limit = Number(folder.path + (second ? "/memory.max" : "/memory.limit_in_bytes"));
  const auto used = Number(folder.path + (second ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!limit || !used) return std::nullopt;
  int64_t files = 0;
  for (const char* kind : {"inactive_file", "active_file"}) {
    const std::string key = second ? kind : std::string("total_") + kind;
    files += NumberOfKey(folder.path + "/memory.stat", key).value_or(0);
  }
  return std::max<int64_t>(0, *limit - std::max<int64_t>(0, *used - files));
}

}  // namespace

std::optional<int64_t> AvailableMemory(const std::string& root) {
  std::optional<int64_t> least;
  const auto machine_kib = NumberOfKey(root + "proc/meminfo", "MemAvailable:");
  if (machine_kib) least = *machine_kib * 1024;
  for (const CgroupFolder& folder : CgroupFolders(root, "memory")) {
    const auto left = Left(folder);
    if (left) least = std::min(least.value_or(*left), *left);
  }
  return least;
}

}  // namespace pass
