// What the kernel says of a machine, as a test wants it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace pass {

// A folder in place of "/", with the files of /proc and /sys that a test writes.
class FakeRoot {
 public:
  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(folder_.path()) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  std::string path() const { return std::string(folder_.path()) + "/"; }

 private:
  TemporaryFolder folder_;
};

}  // namespace pass
