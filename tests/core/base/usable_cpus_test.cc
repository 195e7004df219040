#include "core/base/usable_cpus.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/core/base/fake_root.h"

namespace pass {
namespace {

TEST(CountCores, CountsHyperthreadsOfACoreOnce) {
  FakeRoot root;
  for (int cpu = 0; cpu < 4; ++cpu) {
    root.Write("sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
               cpu % 2 == 0 ? "0,2\n" : "1,3\n");
  }
  EXPECT_EQ(CountCores(std::vector<int>{0, 1, 2, 3}, root.path()), 2);
  EXPECT_EQ(CountCores(std::vector<int>{0, 2}, root.path()), 1);
  EXPECT_EQ(CountCores(std::vector<int>{1}, root.path()), 1);
}

TEST(CountCores, CountsCpusWhereTheKernelTellsNoTopology) {
  FakeRoot root;
  EXPECT_EQ(CountCores(std::vector<int>{0, 1, 5}, root.path()), 3);
}

TEST(CpuQuota, IsNoneWithoutACgroup) {
  FakeRoot root;
  EXPECT_FALSE(CpuQuota(root.path()).has_value());
  root.Write("proc/self/cgroup", "0::/a\n");
  root.Write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
  EXPECT_FALSE(CpuQuota(root.path()).has_value());
}

TEST(CpuQuota, IsTheLeastOfAllLevelsInVersion2) {
  FakeRoot root;
  root.Write("proc/self/cgroup", "0::/kubepods/pod1/c\n");
  root.Write("sys/fs/cgroup/kubepods/pod1/c/cpu.max", "max 100000\n");
  root.Write("sys/fs/cgroup/kubepods/pod1/cpu.max", "150000 100000\n");
  root.Write("sys/fs/cgroup/kubepods/cpu.max", "400000 100000\n");
  EXPECT_EQ(CpuQuota(root.path()), 1.5);
}

TEST(CpuQuota, IsFoundAtTheRootOfAContainer) {
  FakeRoot root;
  root.Write("proc/self/cgroup", "0::/\n");
  root.Write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(CpuQuota(root.path()), 1.0);
}

TEST(CpuQuota, IsReadInVersion1WhetherTheMountHasItsLongNameOrItsShortOne) {
  for (const char* mount : {"cpu,cpuacct", "cpu"}) {
    FakeRoot root;
    root.Write("proc/self/cgroup", "5:memory:/d\n4:cpu,cpuacct:/d\n");
    root.Write(std::string("sys/fs/cgroup/") + mount + "/d/cpu.cfs_quota_us", "250000\n");
    root.Write(std::string("sys/fs/cgroup/") + mount + "/d/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(CpuQuota(root.path()), 2.5) << mount;
  }
  FakeRoot unlimited;
  unlimited.Write("proc/self/cgroup", "4:cpu,cpuacct:/d\n");
  unlimited.Write("sys/fs/cgroup/cpu/d/cpu.cfs_quota_us", "-1\n");
  unlimited.Write("sys/fs/cgroup/cpu/d/cpu.cfs_period_us", "100000\n");
  EXPECT_FALSE(CpuQuota(unlimited.path()).has_value());
}

TEST(UsableCpus, AreNoMoreThanTheQuotaPaysForAndNoMoreThanThereAreCores) {
  FakeRoot root;
  root.Write("proc/self/cgroup", "0::/pod\n");
  const std::vector<int> cpus = {0, 1, 2, 3};
  EXPECT_EQ(UsableCpus(cpus, root.path()), 4) << "no quota";
  const std::vector<std::pair<const char*, int>> cases = {{"max 100000\n", 4},
                                                          {"800000 100000\n", 4},
                                                          {"250000 100000\n", 2},
                                                          {"150000 100000\n", 1},
                                                          {"50000 100000\n", 1}};
  for (const auto& [quota, expected] : cases) {
    root.Write("sys/fs/cgroup/pod/cpu.max", quota);
    EXPECT_EQ(UsableCpus(cpus, root.path()), expected) << quota;
  }
}

TEST(UsableCpus, AreAtMostThoseThatTheProcessIsBoundTo) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(UsableCpus(), 1);
  sched_setaffinity(0, sizeof(before), &before);
  EXPECT_GE(UsableCpus(), 1);
}

}  // namespace
}  // namespace pass
