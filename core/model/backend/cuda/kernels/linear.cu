// Rows times a matrix on the tensor cores. A block makes all rows of a few outputs; its warps share the inputs, and add what
// they have come to in one order. Few rows leave the matrix's bytes and the latencies as what counts: a thread asks for the
// weights of several steps at once, 16 bytes each, and reads rows from the caches.
#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int kRowTiles = kRows / 16;
constexpr int kAhead = 3;  // steps of kInStep inputs that are asked for at once

// Of so many tiles of kOutStep outputs: what a thread has of their sums, [row tile][tile][4].
template <int kTiles>
using Sums = float[kRowTiles][kTiles][4];

// Within a step a thread holds 8 inputs side by side of each row and each output, which the tensor core takes for inputs
// 2q, 2q+1, 2q+8 and 2q+9 of two products: in which order inputs are added does not matter, as long as rows and weights agree.
// `weights`: the thread's own output of each tile.
template <int kTiles>
__device__ void AddProducts(const uint16_t* x, const uint16_t* const (&weights)[kTiles], int in, Sums<kTiles>& sums) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int offset = lane % 4 * 8;
  const uint16_t* row = x + static_cast<int64_t>(lane / 4) * in + offset;
  const int steps = in / kInStep;
  for (int first = warp; first < steps; first += kWarps * kAhead) {
    uint4 of_rows[kAhead][2 * kRowTiles], of_outputs[kAhead][kTiles];
#pragma unroll
    for (int ahead = 0; ahead < kAhead; ++ahead) {
      const int step = first + ahead * kWarps;
      if (step >= steps) continue;
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
        of_outputs[ahead][tile] =
            *reinterpret_cast<const uint4*>(weights[tile] + static_cast<int64_t>(step) * kInStep + offset);
      }
#pragma unroll
      for (int half = 0; half < 2 * kRowTiles; ++half) {
        of_rows[ahead][half] = *reinterpret_cast<const uint4*>(row + static_cast<int64_t>(half) * 8 * in + step * kInStep);
      }
    }
#pragma unroll
    for (int ahead = 0; ahead < kAhead; ++ahead) {
      if (first + ahead * kWarps >= steps) continue;
#pragma unroll
      for (int rows = 0; rows < kRowTiles; ++rows) {
        const uint4 upper = of_rows[ahead][2 * rows], lower = of_rows[ahead][2 * rows + 1];
        const uint32_t a0[4] = {upper.x, lower.x, upper.y, lower.y}, a1[4] = {upper.z, lower.z, upper.w, lower.w};
#pragma unroll
        for (int tile = 0; tile < kTiles; ++tile) {
          const uint4 w = of_outputs[ahead][tile];
          MultiplyTile(sums[rows][tile], a0, {w.x, w.y});
          MultiplyTile(sums[rows][tile], a1, {w.z, w.w});
        }
      }
    }
  }
}

// What the warps have come to: [warp][row][output of the block].
template <int kTiles>
struct Partial {
  static constexpr int kOutputs = kTiles * kOutStep;
  // Eight numbers between the rows that a warp writes at once keep them in different banks of the memory.
  static constexpr int kStride = kTiles == 1 ? kOutputs : kOutputs + 8;
  float sums[kWarps][kRows][kStride];

  __device__ void Put(const Sums<kTiles>& own) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
#pragma unroll
    for (int rows = 0; rows < kRowTiles; ++rows) {
#pragma unroll
      for (int tile = 0; tile < kTiles; ++tile) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          sums[warp][rows * 16 + i / 2 * 8 + lane / 4][tile * kOutStep + lane % 4 * 2 + i % 2] = own[rows][tile][i];
        }
      }
    }
  }
  __device__ float Sum(int row, int output) const {
    float sum = 0.0f;
#pragma unroll
    for (int warp = 0; warp < kWarps; ++warp) sum += sums[warp][row][output];
    return sum;
  }
};

// x A^T of the adapted rows, rounded; of the others zero.
__device__ void Reduce(const LinearCall& call, Partial<2>& partial, uint16_t (&reduced)[kRows][kMostRank]) {
  static_assert(kRankStep == 2 * kOutStep);
  for (int first = 0; first < call.rank; first += kRankStep) {
    const int lane = static_cast<int>(threadIdx.x) % kWarp;
    const uint16_t* weights[2];
    for (int tile = 0; tile < 2; ++tile) {
      weights[tile] = call.a + static_cast<int64_t>(first + tile * kOutStep + lane / 4) * call.in;
    }
    Sums<2> sums = {};
    AddProducts<2>(call.x, weights, call.in, sums);
    partial.Put(sums);
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kRankStep; i += kThreads) {
      const int row = i / kRankStep, of = i % kRankStep;
      reduced[row][first + of] = call.adapted[row] ? ToBf16(partial.Sum(row, of)) : uint16_t{0};
    }
    __syncthreads();
  }
}

__device__ float Activated(Gate gate, float x) {
  if (gate == Gate::kSilu) return x / (1.0f + expf(-x));
  // Hendrycks and Gimpel, Gaussian Error Linear Units, arXiv 1606.08415.
  const float inner = 0.7978845608028654f * (x + 0.044715f * x * x * x);
  return 0.5f * x * (1.0f + tanhf(inner));
}

// kTiles * kOutStep outputs; with a gate half of them of each half of y.
template <int kTiles, bool kGated, bool kAdapted>
__global__ void __launch_bounds__(kThreads) MultiplyBlock(const LinearCall call) {
  __shared__ union {
    Partial<kTiles> of_weights;
    Partial<2> of_adapter;  // before
  } partial;
  constexpr int kTilesOfPart = kGated ? kTiles / 2 : kTiles, kPart = kTilesOfPart * kOutStep;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int first = static_cast<int>(blockIdx.x) * kPart, second = call.out / 2 + first;
  const int width = kGated ? call.out / 2 : call.out;  // of y
  const int outputs = width - first < kPart ? width - first : kPart;

  const auto output_of = [&](int of_block) {  // the row of the weights; of what lies beyond the last, the last
    const int part = of_block % kPart < outputs ? of_block % kPart : outputs - 1;
    return (of_block < kPart ? first : second) + part;
  };
  const uint16_t* weights[kTiles];
#pragma unroll
  for (int tile = 0; tile < kTiles; ++tile) {
    weights[tile] = call.weight + static_cast<int64_t>(output_of(tile * kOutStep + lane / 4)) * call.in;
  }
  Sums<kTiles> sums = {};
  AddProducts<kTiles>(call.x, weights, call.in, sums);

  __shared__ uint16_t reduced[kAdapted ? kRows : 1][kAdapted ? kMostRank : 1];
  if constexpr (kAdapted) {
    Reduce(call, partial.of_adapter, reduced);
  }
  partial.of_weights.Put(sums);
  __syncthreads();

  const auto value = [&](int row, int of_block) {
    const int output = output_of(of_block);
    float y = partial.of_weights.Sum(row, of_block);
    if (call.bias != nullptr) y += call.bias[output];
    if constexpr (kAdapted) {
      if (call.adapted[row]) {
        const uint16_t* b = call.b + static_cast<int64_t>(output) * call.rank;
        float more = 0.0f;
        for (int i = 0; i < call.rank; ++i) more += FromBf16(reduced[row][i]) * FromBf16(b[i]);
        y += more;
      }
    }
    return y;
  };
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kPart; i += kThreads) {
    const int row = i / kPart, of_part = i % kPart;
    if (of_part >= outputs) continue;
    float y = value(row, of_part);
    if constexpr (kGated) y = Activated(call.gate, y) * value(row, kPart + of_part);
    call.y[static_cast<int64_t>(row) * width + first + of_part] = ToBf16(y);
  }
}

template <int kTiles, bool kGated>
void LaunchTiles(const LinearCall& call, void* stream) {
  const int part = (kGated ? kTiles / 2 : kTiles) * kOutStep, width = kGated ? call.out / 2 : call.out;
  const dim3 blocks{static_cast<unsigned>((width + part - 1) / part)};
  if (call.adapted != nullptr) {
    Launch(MultiplyBlock<kTiles, kGated, true>, blocks, kThreads, stream, call);
  } else {
    Launch(MultiplyBlock<kTiles, kGated, false>, blocks, kThreads, stream, call);
  }
}

}  // namespace

// As few outputs a block as keep a large device busy: a block's time is that of its latencies.
void MultiplyRows(const LinearCall& call, void* stream) {
  constexpr int kManyBlocks = 256;
  if (call.gate != Gate::kNone) {
    call.out / (4 * kOutStep) < kManyBlocks ? LaunchTiles<2, true>(call, stream) : LaunchTiles<4, true>(call, stream);
  } else if (call.out / (2 * kOutStep) < kManyBlocks) {
    LaunchTiles<1, false>(call, stream);
  } else if (call.out / (4 * kOutStep) < kManyBlocks) {
    LaunchTiles<2, false>(call, stream);
  } else {
    LaunchTiles<4, false>(call, stream);
  }
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
