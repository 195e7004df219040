// How many threads this process can run at once without waiting for each other.
#pragma once

#include <optional>
#include <span>
#include <string>

namespace pass {

// Physical cores among the CPUs that the process may use, but no more than its cgroup's CPU quota pays for; at least 1.
// Threads beyond a quota are stopped in the middle of their work for most of each period, as Kubernetes' CPU limits do.
int UsableCpus();

// The parts of it. `root`: in place of "/", for tests.
// The same for these CPUs in place of those that the process may use.
int UsableCpus(std::span<const int> cpus, const std::string& root);
// Physical cores among these CPUs, by the kernel's topology; a CPU without topology counts as a core.
int CountCores(std::span<const int> cpus, const std::string& root);
// CPUs that the quotas of this process's cgroup and of those above it pay for, version 1 or 2; none: no quota.
std::optional<double> CpuQuota(const std::string& root);

}  // namespace pass
