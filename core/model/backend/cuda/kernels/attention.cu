// Softmax over the keys of a row, read through its table of slots. A block has one row and up to kQueries queries of one head of
// keys. Its warps take chunks of kWarp positions in turn, each with a running largest score and sum (Milakov and Gimelshein,
// Online normalizer calculation for softmax, arXiv 1805.02867), and what they have come to is joined in one order. Which chunk
// a warp takes follows from the position alone.
#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kQueries = 4;
constexpr float kNothing = -__builtin_huge_valf();  // the score of what is not read

__device__ float LargestOfWarp(float value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

// A query's softmax so far. `sum`: of values times weights, kPairs pairs of elements for each lane, those from 2 * lane on, then
// those 64 further on.
template <int kPairs>
struct Running {
  float largest = kNothing, total = 0.0f;
  float sum[2 * kPairs] = {};
};

// kPairs * 2 * kWarp: elements of a head at most.
template <int kPairs, int kWarps>
__global__ void __launch_bounds__(kWarps* kWarp) AttendRow(const AttentionCall call) {
  __shared__ float queries[kQueries][kPairs * 2 * kWarp];
  __shared__ float largest[kWarps][kQueries], total[kWarps][kQueries];
  __shared__ float sums[kWarps][kQueries][kPairs * 2 * kWarp];

  const int64_t row = blockIdx.x, kv_head = blockIdx.y;
  const int dim = call.head_dim, group = call.heads / call.kv_heads;
  const int first_query = static_cast<int>(blockIdx.z) * kQueries;
  const int num_queries = group - first_query < kQueries ? group - first_query : kQueries;
  const int64_t first_head = row * call.heads + kv_head * group + first_query;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  for (int i = static_cast<int>(threadIdx.x); i < kQueries * dim; i += kWarps * kWarp) {
    const int query = i / dim;
    queries[query][i % dim] = query < num_queries ? call.query[(first_head + query) * dim + i % dim] : 0.0f;
  }
  __syncthreads();

  const int position = static_cast<int>(call.positions[row]);
  const int start = call.window > 0 && position >= call.window ? position - call.window + 1 : 0;
  const int32_t* slots = call.slots + row * call.most_positions;
  const int64_t slot_size = static_cast<int64_t>(call.kv_heads) * dim;
  const uint16_t* keys = call.keys + kv_head * dim;
  const uint16_t* values = call.values + kv_head * dim;

  Running<kPairs> running[kQueries];
  for (int chunk = start / kWarp + (warp - start / kWarp % kWarps + kWarps) % kWarps; chunk * kWarp <= position;
       chunk += kWarps) {
    const int own = chunk * kWarp + lane;
    const bool reads = own >= start && own <= position;
    const int32_t slot = slots[reads ? own : position];

    // A lane's own position.
    float scores[kQueries] = {};
    const uint16_t* key = keys + slot * slot_size;
#pragma unroll 4
    for (int i = 0; i < dim; i += 8) {
      const uint4 k = *reinterpret_cast<const uint4*>(key + i);
      const uint32_t words[4] = {k.x, k.y, k.z, k.w};
#pragma unroll
      for (int query = 0; query < kQueries; ++query) {
#pragma unroll
        for (int word = 0; word < 4; ++word) {
          scores[query] += queries[query][i + 2 * word] * FirstOf(words[word]);
          scores[query] += queries[query][i + 2 * word + 1] * SecondOf(words[word]);
        }
      }
    }

    float weights[kQueries];
#pragma unroll
    for (int query = 0; query < kQueries; ++query) {
      float score = scores[query];
      if (call.softcap > 0.0f) score = tanhf(score / call.softcap) * call.softcap;
      if (!reads) score = kNothing;
      Running<kPairs>& so_far = running[query];
      const float before = so_far.largest;
      so_far.largest = fmaxf(before, LargestOfWarp(score));
      const float shrinks = before == kNothing ? 0.0f : expf(before - so_far.largest);
      weights[query] = reads ? expf(score - so_far.largest) : 0.0f;
      so_far.total = so_far.total * shrinks + SumOfWarp(weights[query]);
#pragma unroll
      for (float& element : so_far.sum) element *= shrinks;
    }

    // A position after the other, each lane its own elements.
    const int begin = start > chunk * kWarp ? start - chunk * kWarp : 0;
    const int end = position - chunk * kWarp < kWarp - 1 ? position - chunk * kWarp + 1 : kWarp;
#pragma unroll 8
    for (int i = 0; i < kWarp; ++i) {
      const float place = __shfl_sync(kAllLanes, __uint_as_float(static_cast<uint32_t>(slot)), i);
      float of_position[kQueries];
#pragma unroll
      for (int query = 0; query < kQueries; ++query) of_position[query] = __shfl_sync(kAllLanes, weights[query], i);
      if (i < begin || i >= end) continue;
      const uint16_t* value = values + static_cast<int32_t>(__float_as_uint(place)) * slot_size;
#pragma unroll
      for (int pair = 0; pair < kPairs; ++pair) {
        const int element = 2 * (lane + pair * kWarp);
        if (element >= dim) continue;
        const uint32_t v = *reinterpret_cast<const uint32_t*>(value + element);
#pragma unroll
        for (int query = 0; query < kQueries; ++query) {
          running[query].sum[2 * pair] += of_position[query] * FirstOf(v);
          running[query].sum[2 * pair + 1] += of_position[query] * SecondOf(v);
        }
      }
    }
  }

#pragma unroll
  for (int query = 0; query < kQueries; ++query) {
    if (lane == 0) {
      largest[warp][query] = running[query].largest;
      total[warp][query] = running[query].total;
    }
#pragma unroll
    for (int i = 0; i < 2 * kPairs; ++i) {
      sums[warp][query][2 * (lane + i / 2 * kWarp) + i % 2] = running[query].sum[i];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < num_queries * dim; i += kWarps * kWarp) {
    const int query = i / dim, element = i % dim;
    float most = kNothing;
    for (int of = 0; of < kWarps; ++of) most = fmaxf(most, largest[of][query]);
    float all = 0.0f, sum = 0.0f;
    for (int of = 0; of < kWarps; ++of) {
      if (largest[of][query] == kNothing) continue;  // it had no chunk
      const float shrinks = expf(largest[of][query] - most);
      all += total[of][query] * shrinks;
      sum += sums[of][query][element] * shrinks;
    }
    call.out[(first_head + query) * dim + element] = ToBf16(sum / all);
  }
}

}  // namespace

void Attend(const AttentionCall& call, void* stream) {
  const auto groups = static_cast<unsigned>((call.heads / call.kv_heads + kQueries - 1) / kQueries);
  const dim3 blocks{kRows, static_cast<unsigned>(call.kv_heads), groups};
  if (call.head_dim <= 64) {
    Launch(AttendRow<1, 16>, blocks, 16 * kWarp, stream, call);
  } else if (call.head_dim <= 128) {
    Launch(AttendRow<2, 16>, blocks, 16 * kWarp, stream, call);
  } else {
    Launch(AttendRow<4, 8>, blocks, 8 * kWarp, stream, call);
  }
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
