#include "core/files/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace pass {
namespace {

absl::Status OpenError(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file; check the path"));
  }
  if (error == EACCES || error == EPERM) {
    return absl::PermissionDeniedError(
        absl::StrCat(path, ": not readable by this user; change its permissions or the user"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": cannot be opened (", std::strerror(error), "); check the path"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  // O_NONBLOCK: a named pipe must be refused below, not waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return OpenError(path, errno);
  const absl::Cleanup close_descriptor = [descriptor] { close(descriptor); };
  struct stat facts {};
  if (fstat(descriptor, &facts) != 0) return OpenError(path, errno);
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file; name a file here"));
  }
  if (facts.st_size <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": the file is empty; download it again"));
  }
  const auto size = static_cast<size_t>(facts.st_size);
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat(path, ": cannot be mapped (", std::strerror(errno),
                                                     "); raise the limit on address space"));
  }
  return std::unique_ptr<MappedFile>(new MappedFile(path, {static_cast<const std::byte*>(address), size}));
}

void MappedFile::LetGo(std::span<const std::byte> bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<uintptr_t>(bytes.data());
  const uintptr_t begin = (first + page - 1) / page * page, end = (first + bytes.size()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() { munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace pass
