// Softmax over the keys of a row, read through its table of slots. A block has one row and up to kMostQueries queries of one head
// of keys. A few lanes of a warp share a key, 8 elements each; such a group takes kAhead positions side by side, and has a running
// largest score and sum of its own (Milakov and Gimelshein, Online normalizer calculation for softmax, arXiv 1805.02867). What
// the groups have come to is joined in one order. Which group takes a position follows from the position alone.
#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kMostQueries = 4;
constexpr int kElements = 8;  // of a lane
constexpr int kAhead = 4;
constexpr float kNothing = -__builtin_huge_valf();  // the score of what is not read

// What a score counts beside one that is at least as large.
__device__ float Weight(float score, float largest) {
  return score == kNothing ? 0.0f : expf(score - largest);
}

struct Words {
  uint32_t of[4];
};
__device__ Words WordsAt(const uint16_t* at, bool holds) {
  if (!holds) return {};
  const uint4 words = *reinterpret_cast<const uint4*>(at);
  return {{words.x, words.y, words.z, words.w}};
}

// A query's softmax so far, the lane's elements of it.
struct Running {
  float largest = kNothing, total = 0.0f;
  float sum[kElements] = {};
};

template <int kLanes>
__device__ float SumOfGroup(float value) {
  for (int distance = kLanes / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

// kLanes * kElements: elements of a head at most.
template <int kLanes, int kQueries>
__global__ void __launch_bounds__(kLanes == kWarp ? 8 * kWarp : 16 * kWarp)
    AttendRow(const AttentionCall call) {
  constexpr int kWarps = kLanes == kWarp ? 8 : 16, kGroups = kWarp / kLanes, kChunk = kGroups * kAhead;
  __shared__ float largest[kWarps][kQueries], total[kWarps][kQueries];
  __shared__ float sums[kWarps][kQueries][kLanes * kElements];

  const int64_t row = blockIdx.x, kv_head = blockIdx.y;
  const int dim = call.head_dim, group_heads = call.heads / call.kv_heads;
  const int first_query = static_cast<int>(blockIdx.z) * kQueries;
  const int num_queries = group_heads - first_query < kQueries ? group_heads - first_query : kQueries;
  const int64_t first_head = row * call.heads + kv_head * group_heads + first_query;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int element = lane % kLanes * kElements;
  const bool holds = element < dim;
  LetNextStart();
  WaitForEarlier();

  const int32_t* slots = call.slots + row * call.most_positions + lane / kLanes * kAhead;
  const auto slots_of = [&](int chunk) { return *reinterpret_cast<const int4*>(slots + chunk * kChunk); };
  const int position = static_cast<int>(call.positions[row]);
  int chunk = warp;
  int4 asked = slots_of(chunk);  // a table has room for the first chunk of each warp
  float queries[kQueries][kElements] = {};
#pragma unroll
  for (int query = 0; query < kQueries; ++query) {
    if (query >= num_queries || !holds) continue;
    const auto* at = reinterpret_cast<const float4*>(call.query + (first_head + query) * dim + element);
    const float4 lower = at[0], upper = at[1];
    const float all[kElements] = {lower.x, lower.y, lower.z, lower.w, upper.x, upper.y, upper.z, upper.w};
#pragma unroll
    for (int i = 0; i < kElements; ++i) queries[query][i] = all[i];
  }
  const int start = call.window > 0 && position >= call.window ? position - call.window + 1 : 0;
  if (start > 0) {
    const int first_chunk = start / kChunk;
    chunk = first_chunk + (warp - first_chunk % kWarps + kWarps) % kWarps;
    if (chunk * kChunk <= position) asked = slots_of(chunk);
  }
  const int64_t slot_size = static_cast<int64_t>(call.kv_heads) * dim;
  const uint16_t* keys = call.keys + kv_head * dim + element;
  const uint16_t* values = call.values + kv_head * dim + element;

  Running running[kQueries];
  for (; chunk * kChunk <= position; chunk += kWarps) {
    const int first = chunk * kChunk + lane / kLanes * kAhead;
    const int32_t of_positions[kAhead] = {asked.x, asked.y, asked.z, asked.w};
    bool reads[kAhead];
    Words key[kAhead], value[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      reads[i] = first + i >= start && first + i <= position;
      const int64_t slot = reads[i] ? of_positions[i] * slot_size : 0;  // slot 0 is there to be read
      key[i] = WordsAt(keys + slot, holds);
      value[i] = WordsAt(values + slot, holds);
    }
    if ((chunk + kWarps) * kChunk <= position) asked = slots_of(chunk + kWarps);

#pragma unroll
    for (int query = 0; query < kQueries; ++query) {
      float scores[kAhead], most = running[query].largest;
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        float score = 0.0f;
#pragma unroll
        for (int word = 0; word < kElements / 2; ++word) {
          score += queries[query][2 * word] * FirstOf(key[i].of[word]);
          score += queries[query][2 * word + 1] * SecondOf(key[i].of[word]);
        }
        score = SumOfGroup<kLanes>(score);
        if (call.softcap > 0.0f) score = tanhf(score / call.softcap) * call.softcap;
        scores[i] = reads[i] ? score : kNothing;
        most = fmaxf(most, scores[i]);
      }
      Running& so_far = running[query];
      const float shrinks = Weight(so_far.largest, most);
      so_far.largest = most;
      so_far.total *= shrinks;
#pragma unroll
      for (float& sum : so_far.sum) sum *= shrinks;
#pragma unroll
      for (int i = 0; i < kAhead; ++i) {
        const float weight = Weight(scores[i], most);
        so_far.total += weight;
#pragma unroll
        for (int word = 0; word < kElements / 2; ++word) {
          so_far.sum[2 * word] += weight * FirstOf(value[i].of[word]);
          so_far.sum[2 * word + 1] += weight * SecondOf(value[i].of[word]);
        }
      }
    }
  }

  // The groups of the warp, of which the first is read.
#pragma unroll
  for (int query = 0; query < kQueries; ++query) {
    Running& so_far = running[query];
#pragma unroll
    for (int distance = kLanes; distance < kWarp; distance *= 2) {
      const float other = __shfl_xor_sync(kAllLanes, so_far.largest, distance);
      const float most = fmaxf(so_far.largest, other);
      const float own_weight = Weight(so_far.largest, most), other_weight = Weight(other, most);
      so_far.largest = most;
      so_far.total =
          so_far.total * own_weight + __shfl_xor_sync(kAllLanes, so_far.total, distance) * other_weight;
#pragma unroll
      for (float& sum : so_far.sum) {
        sum = sum * own_weight + __shfl_xor_sync(kAllLanes, sum, distance) * other_weight;
      }
    }
    if (lane == 0) {
      largest[warp][query] = so_far.largest;
      total[warp][query] = so_far.total;
    }
    if (lane < kLanes) {
#pragma unroll
      for (int i = 0; i < kElements; ++i) sums[warp][query][element + i] = so_far.sum[i];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < num_queries * dim; i += kWarps * kWarp) {
    const int query = i / dim, of_head = i % dim;
    float most = kNothing;
#pragma unroll
    for (int of = 0; of < kWarps; ++of) most = fmaxf(most, largest[of][query]);
    float all = 0.0f, sum = 0.0f;
#pragma unroll
    for (int of = 0; of < kWarps; ++of) {
      const float weight = Weight(largest[of][query], most);
      all += total[of][query] * weight;
      sum += sums[of][query][of_head] * weight;
    }
    call.out[(first_head + query) * dim + of_head] = ToBf16(sum / all);
  }
}

template <int kLanes>
void LaunchQueries(const AttentionCall& call, void* stream) {
  const int queries = call.heads / call.kv_heads, groups = (queries + kMostQueries - 1) / kMostQueries;
  const dim3 blocks{kRows, static_cast<unsigned>(call.kv_heads), static_cast<unsigned>(groups)};
  const unsigned threads = (kLanes == kWarp ? 8 : 16) * kWarp;
  switch ((queries + groups - 1) / groups) {
    case 1:
      return Launch(AttendRow<kLanes, 1>, blocks, threads, stream, call);
    case 2:
      return Launch(AttendRow<kLanes, 2>, blocks, threads, stream, call);
    case 3:
      return Launch(AttendRow<kLanes, 3>, blocks, threads, stream, call);
    default:
      return Launch(AttendRow<kLanes, 4>, blocks, threads, stream, call);
  }
}

}  // namespace

void Attend(const AttentionCall& call, void* stream) {
  if (call.head_dim <= 8 * kElements) {
    LaunchQueries<8>(call, stream);
  } else if (call.head_dim <= 16 * kElements) {
    LaunchQueries<16>(call, stream);
  } else {
    LaunchQueries<32>(call, stream);
  }
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
