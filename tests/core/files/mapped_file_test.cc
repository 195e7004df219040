#include "core/files/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

TEST(MappedFile, ShowsTheBytesOfTheFile) {
  const TemporaryFolder folder;
  const auto file = MappedFile::Open(folder.Write("a.bin", "some bytes"));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto bytes = (*file)->bytes();
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "some bytes");
}

TEST(MappedFile, IsNotFoundWhereThereIsNone) {
  const TemporaryFolder folder;
  ExpectRefused(MappedFile::Open(folder.Path("none.gguf")).status(), absl::StatusCode::kNotFound,
                {"none.gguf", "no such file"});
}

TEST(MappedFile, RefusesAnEmptyFile) {
  const TemporaryFolder folder;
  ExpectInvalid(MappedFile::Open(folder.Write("a.bin", "")).status(), {"a.bin", "empty"});
}

TEST(MappedFile, RefusesAFolder) {
  const TemporaryFolder folder;
  ExpectInvalid(MappedFile::Open(folder.path()).status(), {folder.path(), "not a regular file"});
}

TEST(MappedFile, RefusesAPipeWithoutWaitingForAWriter) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  ExpectInvalid(MappedFile::Open(path).status(), {"pipe", "not a regular file"});
}

TEST(MappedFile, RefusesAFileThatMayNotBeRead) {
  const TemporaryFolder folder;
  const std::string path = folder.Write("secret.bin", "x");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const auto file = MappedFile::Open(path);
  if (geteuid() == 0) {
    EXPECT_TRUE(file.ok()) << "root reads everything: " << file.status();
  } else {
    ExpectRefused(file.status(), absl::StatusCode::kPermissionDenied, {"secret.bin", "not readable"});
  }
}

}  // namespace
}  // namespace pass
