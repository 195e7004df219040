#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kThreads = 256;

// One row.
__global__ void __launch_bounds__(kThreads) RopeSplitRow(const RopeSplitCall call) {
  LetNextStart();
  WaitForEarlier();
  const int64_t row = blockIdx.x, position = call.positions[row];
  const int dim = call.head_dim, half = call.cos == nullptr ? 0 : call.rotary_half;
  const int rotated = (call.heads + call.kv_heads) * dim, all = rotated + call.kv_heads * dim;
  const uint16_t* qkv = call.qkv + row * all;
  const float* cos = call.cos + position * half;
  const float* sin = call.sin + position * half;
  float query_scale = call.score_scale;
  if (call.query_scales != nullptr) query_scale *= call.query_scales[position];
  float* query = call.query + row * call.heads * dim;
  uint16_t* keys = call.keys + call.own_slots[row] * call.kv_heads * dim;
  uint16_t* values = call.values + call.own_slots[row] * call.kv_heads * dim;

  for (int i = static_cast<int>(threadIdx.x); i < all; i += kThreads) {
    float x = FromBf16(qkv[i]);
    const int of_head = i % dim;
    if (i < rotated && of_head < 2 * half) {  // a half-split rotation (core/model/rope.h)
      const bool second = of_head >= half;
      const int pair = second ? of_head - half : of_head;
      const float other = FromBf16(qkv[second ? i - half : i + half]);
      x = second ? x * cos[pair] + other * sin[pair] : x * cos[pair] - other * sin[pair];
    }
    const int key = i - call.heads * dim, value = i - rotated;
    if (key < 0) {
      query[i] = x * query_scale;
    } else if (value < 0) {
      keys[key] = ToBf16(x);
    } else {
      values[value] = qkv[i];
    }
  }
}

}  // namespace

void RopeSplit(const RopeSplitCall& call, void* stream) {
  Launch(RopeSplitRow, dim3{kRows}, kThreads, stream, call);
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
