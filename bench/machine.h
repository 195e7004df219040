// What a figure must be read with: the CPU, how fast it reads memory, and what else runs.
#pragma once

#include <string>
#include <string_view>

namespace pass::bench {

struct Machine {
  std::string cpu;                          // "model name" of /proc/cpuinfo, or "unknown"
  int threads = 0;                          // of the model
  double memory_read_bytes_per_second = 0;  // by so many threads
  double operations_per_second = 0;         // in fp32, by them too, as MultiplyAddOperations counts
  double load_average = 0;                  // of the last minute, before the measurement
};

// `threads`: 0: one per core. `instruction_set`: of the model's kernels. Takes a second.
Machine DescribeMachine(int threads, std::string_view instruction_set);

// "model name" of /proc/cpuinfo, or "unknown".
std::string CpuModel();

// Read bandwidth in bytes a second, `num_threads` threads summing a buffer of 512 MiB in huge pages, which they ask for
// ahead; best of 5.
double MemoryReadBandwidth(int num_threads);

}  // namespace pass::bench
