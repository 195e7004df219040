// A regular file mapped read-only into memory, for as long as the object lives.
//
// Errors name the file and the cure: NOT_FOUND (no such file), PERMISSION_DENIED, INVALID_ARGUMENT (a folder
// or device, or an empty file), RESOURCE_EXHAUSTED (the mapping failed). The file must not shrink while it is
// mapped: as with every mapping, reading past a new end ends the process. Immutable after creation and
// thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace pass {

class MappedFile {
 public:
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Counts bytes of a mapped file no longer as memory of this process; what reads them again finds them. Other bytes may
  // not be given.
  static void LetGo(std::span<const std::byte> bytes);

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }  // never empty

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}

  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace pass
