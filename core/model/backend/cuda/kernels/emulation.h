// CUDA's language on the host, as far as the .cu files speak it: so their tests need no device. Blocks run one after the other;
// the threads of a block are fibers of the calling thread, which change places where they wait for each other. It shows that a
// kernel computes what it should, and that its threads meet at their barriers; not that it is free of races, nor how fast it is.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>

#define __device__
#define __global__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
// Blocks follow each other, and each writes before it reads.
#define __shared__ static thread_local

// CUDA's names.
// NOLINTBEGIN(readability-identifier-naming)
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
struct alignas(16) uint4 {
  uint32_t x, y, z, w;
};
struct alignas(16) int4 {
  int32_t x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  uint32_t x, y;
};

// NOLINTEND(readability-identifier-naming)

namespace pass::cuda::emulated {

// Of the fiber that runs.
struct Place {
  dim3 thread, block, threads, blocks;
};
const Place& ThisPlace();

void Run(dim3 blocks, unsigned threads, const std::function<void()>& kernel);

void WaitForBlock();
void WaitForWarp();
// How many threads of the block say so.
int CountOfBlock(bool says);
// `value` of the warp's thread `lane`; every thread of the warp asks.
uint64_t ValueOfLane(uint64_t value, int lane);
void MultiplyTile(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

// A kernel starts when the one before it has ended.
inline void LetNextStart() {}
inline void WaitForEarlier() {}

template <typename Call>
void Launch(void (*kernel)(Call), dim3 blocks, unsigned threads, void* /*stream*/, const Call& call) {
  Run(blocks, threads, [&] { kernel(call); });
}

}  // namespace pass::cuda::emulated

#define threadIdx (::pass::cuda::emulated::ThisPlace().thread)
#define blockIdx (::pass::cuda::emulated::ThisPlace().block)
#define blockDim (::pass::cuda::emulated::ThisPlace().threads)
#define gridDim (::pass::cuda::emulated::ThisPlace().blocks)

inline void __syncthreads() { pass::cuda::emulated::WaitForBlock(); }
inline void __syncwarp() { pass::cuda::emulated::WaitForWarp(); }
inline int __syncthreads_count(int says) { return pass::cuda::emulated::CountOfBlock(says != 0); }

inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }
inline float rsqrtf(float value) { return 1.0f / std::sqrt(value); }

inline float __shfl_sync(unsigned /*mask*/, float value, int lane) {
  return __uint_as_float(
      static_cast<uint32_t>(pass::cuda::emulated::ValueOfLane(__float_as_uint(value), lane)));
}
inline float __shfl_xor_sync(unsigned mask, float value, int lanes) {
  return __shfl_sync(mask, value, static_cast<int>(threadIdx.x % 32) ^ lanes);
}

template <typename T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at += value;
  return before;
}
