#include "core/base/available_memory.h"

#include <gtest/gtest.h>

#include "tests/core/base/fake_root.h"

namespace pass {
namespace {

TEST(AvailableMemory, IsTheMachinesWithoutACgroup) {
  FakeRoot root;
  EXPECT_FALSE(AvailableMemory(root.path()).has_value());
  root.Write("proc/meminfo", "MemTotal:       8000 kB\nMemFree:  1 kB\nMemAvailable:   3000 kB\n");
  EXPECT_EQ(AvailableMemory(root.path()), 3000 * 1024);
}

TEST(AvailableMemory, IsWhatTheTightestLevelOfVersion2LeavesWithFilesCountedAsFree) {
  FakeRoot root;
  root.Write("proc/meminfo", "MemAvailable:   3000 kB\n");
  root.Write("proc/self/cgroup", "0::/pod/c\n");
  root.Write("sys/fs/cgroup/pod/c/memory.max", "max\n");
  root.Write("sys/fs/cgroup/pod/c/memory.current", "999\n");
  root.Write("sys/fs/cgroup/pod/memory.max", "1000000\n");
  root.Write("sys/fs/cgroup/pod/memory.current", "600000\n");
  root.Write("sys/fs/cgroup/pod/memory.stat", "anon 400000\ninactive_file 150000\nactive_file 50000\n");
  EXPECT_EQ(AvailableMemory(root.path()), 600'000);
}

TEST(AvailableMemory, IsWhatVersion1Leaves) {
  FakeRoot root;
  root.Write("proc/self/cgroup", "4:memory:/d\n");
  root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "500\n");
  root.Write("sys/fs/cgroup/memory/d/memory.limit_in_bytes", "1000\n");
  root.Write("sys/fs/cgroup/memory/d/memory.usage_in_bytes", "700\n");
  root.Write("sys/fs/cgroup/memory/d/memory.stat", "inactive_file 1\ntotal_inactive_file 100\n");
  EXPECT_EQ(AvailableMemory(root.path()), 400);
}

}  // namespace
}  // namespace pass
