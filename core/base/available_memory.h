// How much memory this process could still take.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace pass {

// Bytes that the machine has available, but no more than the limits of this process's cgroup and of those
// above it leave. Pages of files, which the kernel gives back when they are wanted, count as free. None:
// the system does not say. `root`: in place of "/", for tests.
std::optional<int64_t> AvailableMemory(const std::string& root);

}  // namespace pass
