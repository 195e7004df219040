// Where the kernel says what a process's control group may use.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pass {

struct CgroupFolder {
  std::string path;
  int version;  // 1 or 2: the files have other names
};

// Folders of this process's cgroup and of all above it that may hold a controller's files ("cpu",
// "memory"); not all need exist. `root`: in place of "/", for tests.
std::vector<CgroupFolder> CgroupFolders(const std::string& root, std::string_view controller);

}  // namespace pass
