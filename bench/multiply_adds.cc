#include "bench/multiply_adds.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

namespace pass::bench {
namespace {

constexpr int kChains =
    12;  // more than a multiply-add takes cycles, times the units that do it, and fewer than registers
constexpr int64_t kLinks = 2'000'000;

typedef float Vector4 __attribute__((vector_size(4 * sizeof(float))));
typedef float Vector8 __attribute__((vector_size(8 * sizeof(float))));
typedef float Vector16 __attribute__((vector_size(16 * sizeof(float))));

// kLinks multiply-adds in each of some chains, which start apart: of equal ones the compiler would compute a single one. Compiled for
// the caller's instruction set.
template <typename Vector>
[[gnu::always_inline]] inline float Run(float start) {
  const Vector factor = Vector{} + 0.5f, addend = Vector{} + start;
  Vector chains[kChains];
  for (int c = 0; c < kChains; ++c) chains[c] = Vector{} + start * static_cast<float>(c + 1);
  for (int64_t link = 0; link < kLinks; ++link) {
    for (Vector& chain : chains) chain = chain * factor + addend;
  }
  float sum = 0;
  for (const Vector& chain : chains) sum += chain[0];
  return sum;
}

struct Vectors {
  int floats;
  float (*run)(float start);
};

float RunGeneric(float start) { return Run<Vector4>(start); }
#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] float RunAvx2(float start) { return Run<Vector8>(start); }
[[gnu::target("avx512f,fma,prefer-vector-width=512")]] float RunAvx512(float start) {
  return Run<Vector16>(start);
}
#endif

Vectors VectorsOf([[maybe_unused]] std::string_view instruction_set) {
#if defined(__x86_64__)
  if (instruction_set == "avx2") return {8, RunAvx2};
  if (instruction_set != "generic") return {16, RunAvx512};
#endif
  return {4, RunGeneric};
}

}  // namespace

double MultiplyAddOperations(int num_threads, std::string_view instruction_set) {
  const Vectors vectors = VectorsOf(instruction_set);
  std::vector<float> sums(num_threads);
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::jthread> threads;
    for (int t = 0; t < num_threads; ++t) {
      threads.emplace_back([&, t] { sums[t] = vectors.run(static_cast<float>(round + 1)); });
    }
    threads.clear();  // joins
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    if (sums.front() == 0) continue;
    best = std::max(best, 2.0 * kLinks * kChains * vectors.floats * num_threads / seconds.count());
  }
  return best;
}

}  // namespace pass::bench
