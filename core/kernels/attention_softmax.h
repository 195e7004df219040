// The softmax of attention, block by block. For the files that are compiled once per instruction set, and for them alone; see
// registers.h.
#pragma once

#include <cstdint>
#include <limits>

#include "core/kernels/attention_plan.h"
#include "core/kernels/lanes.h"
#include "core/kernels/registers.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// Of one block's keys those that a query reads: [first, end).
struct BlockKeys {
  int32_t first;
  int32_t end;

  bool None() const { return first >= end; }
  bool All() const { return first == 0 && end == kPageTokens; }
};

// Those of the scores that are read, with their cap; the others count as nothing. softcap: 0: none.
inline Lanes ScoresRead(const BlockKeys& read, float softcap, const float* scores) {
  Lanes kept = Load(scores);
  if (softcap > 0) kept = softcap * Tanh(kept / softcap);
  if (read.All()) return kept;
  for (int part = 0; part < kLaneParts; ++part) {
    IntRegister index;
    for (int i = 0; i < kRegisterWidth; ++i) index[i] = part * kRegisterWidth + i;
    const IntRegister is_read = (index >= read.first) & (index < read.end);
    Register& scores_of_part = PartOf(kept, part);
    scores_of_part = is_read ? scores_of_part : FillRegister(-std::numeric_limits<float>::infinity());
  }
  return kept;
}

// Softmax so far of some queries, over the blocks seen (Milakov, Gimelshein: Online normalizer calculation for softmax, arXiv
// 1805.02867). Each lane sums up its own token of every block: what crosses lanes is left to the end.
struct RunningSoftmax {
  float* max;   // [queries]
  float* sums;  // [queries, kPageTokens]
};

// Scores of query `index` become weights. What the query has summed up so far must be multiplied by the correction that is
// returned. A query's largest score is mostly among its first keys, so a block that has a larger one is rare, and that alone is
// looked for first.
inline float Weigh(const BlockKeys& read, float softcap, const RunningSoftmax& softmax, int index,
                   float* scores) {
  static_assert(kPageTokens == kLanes);
  const Lanes kept = ScoresRead(read, softcap, scores);
  float& max = softmax.max[index];
  float correction = 1;
  if (AnyAbove(kept, max)) {
    const float larger = MaxLanes(kept);
    correction = Exponential(FillRegister(max - larger))[0];
    max = larger;
  }
  const Lanes weights = Exp(kept - Broadcast(max));
  float* sums = softmax.sums + int64_t{index} * kPageTokens;
  Store(ForParts(MultiplyAdd, Load(sums), Broadcast(correction), weights), sums);
  Store(weights, scores);
  return correction;
}

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
