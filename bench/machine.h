// What a figure must be read with: the CPU and how fast it reads memory.
#pragma once

#include <string>

namespace pass::bench {

// "model name" of /proc/cpuinfo, or "unknown".
std::string CpuModel();

// Read bandwidth in bytes a second, `num_threads` threads summing a buffer far larger than the caches; best of 5.
double MemoryReadBandwidth(int num_threads);

}  // namespace pass::bench
