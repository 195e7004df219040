#include "core/base/usable_cpus.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "core/base/cgroup_folders.h"

namespace pass {
namespace {

std::optional<std::string> FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return line;
}

void TakeLess(double quota, double period, std::optional<double>& least) {
  if (quota <= 0 || period <= 0) return;
  least = std::min(least.value_or(quota / period), quota / period);
}

// cpu.max of version 2: "max 100000" or "150000 100000".
void ReadVersion2(const std::string& folder, std::optional<double>& least) {
  std::istringstream line(FirstLine(folder + "/cpu.max").value_or(""));
  double quota, period;
  if (line >> quota >> period) TakeLess(quota, period, least);
}

// Version 1: a quota of -1 is none.
void ReadVersion1(const std::string& folder, std::optional<double>& least) {
  std::istringstream quota_line(FirstLine(folder + "/cpu.cfs_quota_us").value_or(""));
  std::istringstream period_line(FirstLine(folder + "/cpu.cfs_period_us").value_or(""));
  double quota, period;
  if (quota_line >> quota && period_line >> period) TakeLess(quota, period, least);
}

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

int CountCores(std::span<const int> cpus, const std::string& root) {
  std::set<std::string> cores;
  for (int cpu : cpus) {
    const std::string number = std::to_string(cpu);
    const std::string path = root + "sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list";
    cores.insert(FirstLine(path).value_or("cpu" + number));
  }
  return static_cast<int>(cores.size());
}

std::optional<double> CpuQuota(const std::string& root) {
  std::optional<double> least;
  for (const CgroupFolder& folder : CgroupFolders(root, "cpu")) {
    const auto read = folder.version == 2 ? ReadVersion2 : ReadVersion1;
    read(folder.path, least);
  }
  return least;
}

int UsableCpus(std::span<const int> cpus, const std::string& root) {
  const int cores = CountCores(cpus, root);
  const double quota = CpuQuota(root).value_or(cores);
  return std::max(1, std::min(cores, static_cast<int>(quota)));
}

int UsableCpus() { return UsableCpus(AllowedCpus(), "/"); }

}  // namespace pass
