// CUDA's language for the .cu files: nvcc's own, or its emulation. Functions of a file are in pass::cuda::PASS_CUDA_TARGET, so
// that both builds of it can be in one program.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "core/model/backend/cuda/kernels/cuda_kernels.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>
#include <cstdlib>

#define PASS_CUDA_TARGET device

namespace pass::cuda::device {

// With PASS_CUDA_EARLY_STARTS set, a kernel may start before the one ahead of it on the stream has ended ("programmatic dependent
// launch" of CUDA's manual, since compute capability 9.0). It then reads and writes what others do only behind WaitForEarlier.
// Off until a device has shown that it is right and how much it is worth (scripts/gpu_check.sh).
__device__ __forceinline__ void LetNextStart() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}
__device__ __forceinline__ void WaitForEarlier() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

inline bool StartsEarly() {
  int device = 0, major = 0;
  return std::getenv("PASS_CUDA_EARLY_STARTS") != nullptr && cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         major >= 9;
}

template <typename Call>
void Launch(void (*kernel)(Call), dim3 blocks, unsigned threads, void* stream, const Call& call) {
  static const bool starts_early = StartsEarly();
  cudaLaunchAttribute early = {};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.stream = static_cast<cudaStream_t>(stream);
  config.attrs = &early;
  config.numAttrs = starts_early ? 1 : 0;
  if (const cudaError_t error = cudaLaunchKernelEx(&config, kernel, call); error != cudaSuccess) {
    throw std::runtime_error(std::string("CUDA error: ") + cudaGetErrorString(error));
  }
}

// d += a b for a [16, 16] of rows, b [16, 8] of columns; who of a warp holds what: PTX ISA, "Matrix fragments for
// mma.m16n8k16 with floating point type".
__device__ __forceinline__ void MultiplyTile(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace pass::cuda::device

#else

#include "core/model/backend/cuda/kernels/emulation.h"

#define PASS_CUDA_TARGET emulated

#endif

namespace pass::cuda::PASS_CUDA_TARGET {

inline constexpr int kWarp = 32;
inline constexpr unsigned kAllLanes = 0xffffffffu;

__device__ inline float FromBf16(uint16_t bits) { return __uint_as_float(static_cast<uint32_t>(bits) << 16); }
// Of two that lie side by side, as a word of memory holds them.
__device__ inline float FirstOf(uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ inline float SecondOf(uint32_t pair) { return __uint_as_float(pair & 0xffff0000u); }

// To the nearest, ties to even; NaN stays NaN.
__device__ inline uint16_t ToBf16(float value) {
  const uint32_t bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

__device__ inline float SumOfWarp(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(kAllLanes, value, distance);
  }
  return value;
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
