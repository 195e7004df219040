#include "bench/machine.h"

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <new>
#include <numeric>
#include <thread>
#include <vector>

#include "bench/multiply_adds.h"

namespace pass::bench {
namespace {

constexpr size_t kWords = size_t{64} << 20;  // 512 MiB
constexpr size_t kBytes = kWords * sizeof(uint64_t);
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kAhead = 1024;  // words that are asked for ahead

// In huge pages if the operating system lends them, as the model's weights are.
using Words = std::unique_ptr<uint64_t, decltype(&std::free)>;
Words MakeWords() {
  Words words(static_cast<uint64_t*>(std::aligned_alloc(kHugePage, kBytes)), &std::free);
  if (words == nullptr) throw std::bad_alloc();
  madvise(words.get(), kBytes, MADV_HUGEPAGE);
  std::fill_n(words.get(), kWords, 1);
  return words;
}

// Eight independent sums, so that the additions do not wait for each other. Some CPUs read twice as fast what is asked for ahead.
uint64_t Sum(const uint64_t* words, size_t count) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i + 8 <= count; i += 8) {
    __builtin_prefetch(words + i + kAhead, 0, 2);
    for (int j = 0; j < 8; ++j) sums[j] += words[i + j];
  }
  return std::accumulate(sums, sums + 8, uint64_t{0});
}

}  // namespace

std::string CpuModel() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::string line, model = "unknown", family, number;
  const auto value = [&line] { return line.substr(std::min(line.size(), line.find(':') + 2)); };
  while (std::getline(cpuinfo, line) && !line.empty()) {
    if (line.starts_with("model name")) model = value();
    if (line.starts_with("cpu family")) family = value();
    if (line.starts_with("model\t")) number = value();
  }
  return family.empty() ? model : model + " (family " + family + ", model " + number + ")";
}

double MemoryReadBandwidth(int num_threads) {
  const Words words = MakeWords();
  std::vector<uint64_t> sums(num_threads);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::jthread> threads;
    const size_t share = kWords / num_threads;
    for (int t = 0; t < num_threads; ++t) {
      threads.emplace_back([&, t] { sums[t] = Sum(words.get() + t * share, share); });
    }
    threads.clear();  // joins
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (sums.front() != 0) best = std::max(best, static_cast<double>(kBytes) / seconds.count());
  }
  return best;
}

Machine DescribeMachine(int threads, std::string_view instruction_set) {
  Machine machine{.cpu = CpuModel(),
                  .threads = threads > 0 ? threads : static_cast<int>(std::thread::hardware_concurrency())};
  if (getloadavg(&machine.load_average, 1) != 1) machine.load_average = 0;
  machine.memory_read_bytes_per_second = MemoryReadBandwidth(machine.threads);
  machine.operations_per_second = MultiplyAddOperations(machine.threads, instruction_set);
  return machine;
}

}  // namespace pass::bench
