#include "core/base/cgroup_folders.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/str_split.h"

namespace pass {
namespace {

// A container sees its own cgroup as the root of the mount, whatever path the process reads.
void AddLevels(const std::string& mount, std::string path, int version, std::vector<CgroupFolder>& folders) {
  while (!path.empty() && path != "/") {
    folders.push_back({mount + path, version});
    path.resize(path.rfind('/'));
  }
  folders.push_back({mount, version});
}

bool Holds(const std::string& list, std::string_view controller) {
  const std::vector<std::string> names = absl::StrSplit(list, ',');
  return std::find(names.begin(), names.end(), controller) != names.end();
}

}  // namespace

std::vector<CgroupFolder> CgroupFolders(const std::string& root, std::string_view controller) {
  std::vector<CgroupFolder> folders;
  std::ifstream cgroups(root + "proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    // "0::/path" for version 2, "4:cpu,cpuacct:/path" for version 1.
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) {
      AddLevels(root + "sys/fs/cgroup", path, /*version=*/2, folders);
    } else if (Holds(controllers, controller)) {
      AddLevels(root + "sys/fs/cgroup/" + controllers, path, /*version=*/1, folders);
      if (controllers != controller) {
        AddLevels(root + "sys/fs/cgroup/" + std::string(controller), path, /*version=*/1, folders);
      }
    }
  }
  return folders;
}

}  // namespace pass
