#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
// Of a row, so many parts of four stay in a thread's registers between the two passes; the others are read again.
constexpr int kKept = 4;

// The sum over the threads of a block, in one order.
__device__ float SumOfBlock(float value) {
  __shared__ float sums[kWarps];
  value = SumOfWarp(value);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  if (threadIdx.x % kWarp == 0) sums[warp] = value;
  __syncthreads();
  float sum = 0.0f;
  for (int i = 0; i < kWarps; ++i) sum += sums[i];
  return sum;
}

__device__ float4 Widened(uint2 pairs) {
  return float4{FirstOf(pairs.x), SecondOf(pairs.x), FirstOf(pairs.y), SecondOf(pairs.y)};
}

__device__ uint2 Rounded(float4 x) {
  return uint2{ToBf16(x.x) | static_cast<uint32_t>(ToBf16(x.y)) << 16,
               ToBf16(x.z) | static_cast<uint32_t>(ToBf16(x.w)) << 16};
}

// One row.
__global__ void __launch_bounds__(kThreads) AddRmsNormRow(const AddRmsNormCall call) {
  LetNextStart();
  WaitForEarlier();
  const int64_t row = blockIdx.x;
  auto* residual = reinterpret_cast<float4*>(call.residual + row * call.width);
  const auto* delta = reinterpret_cast<const uint2*>(call.delta + row * call.width);
  const auto* weight = reinterpret_cast<const float4*>(call.weight);
  auto* out = reinterpret_cast<uint2*>(call.out + row * call.width);
  const int parts = call.width / 4, first = static_cast<int>(threadIdx.x);

  float4 kept[kKept];
  float squares = 0.0f;
  const auto add = [&](int part) {
    float4 x = residual[part];
    if (call.delta != nullptr) {
      const float4 d = Widened(delta[part]);
      x = float4{x.x + call.multiplier * d.x, x.y + call.multiplier * d.y, x.z + call.multiplier * d.z,
                 x.w + call.multiplier * d.w};
      residual[part] = x;
    }
    squares += x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
    return x;
  };
#pragma unroll
  for (int i = 0; i < kKept; ++i) {
    const int part = first + i * kThreads;
    if (part < parts) kept[i] = add(part);
  }
  for (int part = first + kKept * kThreads; part < parts; part += kThreads) add(part);

  const float scale = call.weight == nullptr
                          ? 1.0f
                          : rsqrtf(SumOfBlock(squares) / static_cast<float>(call.width) + call.epsilon);
  const auto write = [&](int part, float4 x) {
    if (call.weight != nullptr) {
      const float4 w = weight[part];
      x = float4{x.x * scale * w.x, x.y * scale * w.y, x.z * scale * w.z, x.w * scale * w.w};
    }
    out[part] = Rounded(x);
  };
#pragma unroll
  for (int i = 0; i < kKept; ++i) {
    const int part = first + i * kThreads;
    if (part < parts) write(part, kept[i]);
  }
  for (int part = first + kKept * kThreads; part < parts; part += kThreads) write(part, residual[part]);
}

// One segment of one row.
__global__ void __launch_bounds__(kThreads) NormSegment(const NormSegmentsCall call) {
  LetNextStart();
  WaitForEarlier();
  uint16_t* x =
      call.x + static_cast<int64_t>(blockIdx.y) * call.stride + static_cast<int64_t>(blockIdx.x) * call.width;
  float squares = 0.0f;
  for (int i = static_cast<int>(threadIdx.x); i < call.width; i += kThreads) {
    const float value = FromBf16(x[i]);
    squares += value * value;
  }
  const float scale = rsqrtf(SumOfBlock(squares) / static_cast<float>(call.width) + call.epsilon);
  for (int i = static_cast<int>(threadIdx.x); i < call.width; i += kThreads) {
    x[i] = ToBf16(FromBf16(x[i]) * scale * call.weight[i]);
  }
}

}  // namespace

void AddRmsNorm(const AddRmsNormCall& call, void* stream) {
  Launch(AddRmsNormRow, dim3{kRows}, kThreads, stream, call);
}

void NormSegments(const NormSegmentsCall& call, void* stream) {
  Launch(NormSegment, dim3{static_cast<unsigned>(call.segments), kRows}, kThreads, stream, call);
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
