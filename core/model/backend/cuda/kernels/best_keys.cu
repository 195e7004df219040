// The best tokens of a row, largest key first (core/model/lookahead/score_key.h). The best key of each thread's tokens is found
// first: the count-th largest of these is a bound that few tokens reach. What reaches it is collected, in any order, and ranked by
// counting the larger ones, since no two keys are alike.
#include "core/model/backend/cuda/kernels/kernels_of_target.h"

namespace pass::cuda::PASS_CUDA_TARGET {
namespace {

constexpr int kThreads = 1024;
constexpr int kMostCollected = 2048;
constexpr int kTokensOfWord = 8;  // that are read at once

// As KeyOf(score, token); 0 is less than any.
__device__ uint64_t KeyOfToken(uint32_t score, int token) {
  uint32_t bits = score << 16;
  if (bits == 0x80000000u) bits = 0;  // the two zeros are one
  const uint32_t ordered = bits >> 31 != 0 ? ~bits : bits | 0x80000000u;
  return static_cast<uint64_t>(ordered) << 32 | ~static_cast<uint32_t>(token);
}

// f(key, score) of each of the thread's tokens.
template <typename F>
__device__ void ForOwnTokens(const uint16_t* logits, int vocab, F f) {
  for (int first = static_cast<int>(threadIdx.x) * kTokensOfWord; first < vocab;
       first += kThreads * kTokensOfWord) {
    const uint4 word = *reinterpret_cast<const uint4*>(logits + first);
    const uint32_t pairs[4] = {word.x, word.y, word.z, word.w};
#pragma unroll
    for (int i = 0; i < kTokensOfWord; ++i) {
      const uint32_t score = i % 2 == 0 ? pairs[i / 2] & 0xffffu : pairs[i / 2] >> 16;
      f(KeyOfToken(score, first + i), score);
    }
  }
}

// The largest key that `count` keys reach; 0: fewer are there. `reached(key)`: how many keys reach it, asked by all threads.
template <typename Reached>
__device__ uint64_t Bound(int count, Reached reached) {
  uint64_t bound = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const uint64_t higher = bound | uint64_t{1} << bit;
    if (reached(higher) >= count) bound = higher;
  }
  return bound;
}

__global__ void __launch_bounds__(kThreads) FindBestKeysOfRow(const BestKeysCall call) {
  __shared__ uint64_t collected[kMostCollected];
  __shared__ int num_collected;

  LetNextStart();
  WaitForEarlier();
  const int64_t row = blockIdx.x;
  const uint16_t* logits = call.logits + row * call.vocab;
  int64_t* keys = call.keys + row * (call.count + 1);

  uint64_t best = 0;
  bool below_infinity = true,
       above_infinity = false;  // all are less than infinity, one is more than its negative
  ForOwnTokens(logits, call.vocab, [&](uint64_t key, uint32_t score) {
    const uint32_t magnitude = score & 0x7fffu;
    below_infinity &= magnitude < 0x7f80u || score == 0xff80u;
    above_infinity |= magnitude < 0x7f80u;
    if (key > best) best = key;
  });
  const bool numbers = __syncthreads_count(!below_infinity) == 0 && __syncthreads_count(above_infinity) > 0;

  uint64_t bound = Bound(call.count, [&](uint64_t key) { return __syncthreads_count(best >= key); });
  // Of a vocabulary that has fewer parts than threads, or whose best tokens lie in few parts, all that it takes.
  const auto count_all = [&](uint64_t key) {
    if (threadIdx.x == 0) num_collected = 0;
    __syncthreads();
    int own = 0;
    ForOwnTokens(logits, call.vocab, [&](uint64_t other, uint32_t) { own += other >= key ? 1 : 0; });
    if (own > 0) atomicAdd(&num_collected, own);
    __syncthreads();
    const int all = num_collected;
    __syncthreads();
    return all;
  };
  if (count_all(bound) > kMostCollected) bound = Bound(call.count, count_all);

  if (threadIdx.x == 0) num_collected = 0;
  __syncthreads();
  ForOwnTokens(logits, call.vocab, [&](uint64_t key, uint32_t) {
    if (key >= bound) collected[atomicAdd(&num_collected, 1)] = key;
  });
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < num_collected; i += kThreads) {
    const uint64_t own = collected[i];
    int larger = 0;
    for (int other = 0; other < num_collected; ++other) larger += collected[other] > own ? 1 : 0;
    if (larger < call.count) keys[larger] = static_cast<int64_t>(own ^ uint64_t{1} << 63);
  }
  if (threadIdx.x == 0) keys[call.count] = numbers ? 1 : 0;
}

}  // namespace

void FindBestKeys(const BestKeysCall& call, void* stream) {
  Launch(FindBestKeysOfRow, dim3{kRows}, kThreads, stream, call);
}

}  // namespace pass::cuda::PASS_CUDA_TARGET
