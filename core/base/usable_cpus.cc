#include "core/base/usable_cpus.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

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

// Calls read for the cgroup's folder and all above it. A container sees its own cgroup as the root of the mount, whatever
// path the process reads.
template <typename Read>
void ForEachLevel(const std::string& mount, std::string path, Read read) {
  while (!path.empty() && path != "/") {
    read(mount + path);
    path.resize(path.rfind('/'));
  }
  read(mount);
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
  std::ifstream cgroups(root + "proc/self/cgroup");
  for (std::string line; std::getline(cgroups, line);) {
    // "0::/path" for version 2, "4:cpu,cpuacct:/path" for version 1.
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (controllers.empty()) {
      ForEachLevel(root + "sys/fs/cgroup", path,
                   [&](const std::string& folder) { ReadVersion2(folder, least); });
    } else if (("," + controllers + ",").find(",cpu,") != std::string::npos) {
      for (const std::string& mount : {controllers, std::string("cpu")}) {
        ForEachLevel(root + "sys/fs/cgroup/" + mount, path,
                     [&](const std::string& folder) { ReadVersion1(folder, least); });
      }
    }
  }
  return least;
}

int UsableCpus() {
  const int cores = CountCores(AllowedCpus(), "/");
  const double quota = CpuQuota("/").value_or(cores);
  return std::max(1, std::min(cores, static_cast<int>(quota)));
}

}  // namespace pass
