// Attention's products in vector registers. For the files that are compiled once per instruction set, and for them alone; see
// registers.h.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "core/kernels/attention_softmax.h"
#include "core/kernels/page_layout.h"
#include "core/kernels/registers.h"

namespace pass::kernels::PASS_KERNEL_ISA {
namespace {

// Queries, of one head each, that read one key together, each with kPartials sums of its scores.
constexpr int kPartials = 4;
constexpr int kMostQueries = kSumRegisters / kPartials;

// scores[q] = query[q] . key of each token. query: [kQueries, dim]; keys: of a page (page_layout.h).
template <int kQueries, typename T>
inline void Score(const float* query, const T* keys, int dim, float (&scores)[kQueries][kPageTokens]) {
  static_assert(kPageTokens % kRegisterWidth == 0);
  for (int token = 0; token < kPageTokens; token += kRegisterWidth) {
    Register partial[kQueries][kPartials] = {};
    for (int d = 0; d < dim; d += kPartials) {
      for (int j = 0; j < kPartials; j += kTogether<T>) {
        Register key[kTogether<T>];
        WidenTogether(keys + KeyPlace<T>(token, d + j), key);
        for (int i = 0; i < kTogether<T>; ++i) {
          for (int q = 0; q < kQueries; ++q)
            partial[q][j + i] =
                MultiplyAdd(FillRegister(query[q * dim + d + j + i]), key[i], partial[q][j + i]);
        }
      }
    }
    for (int q = 0; q < kQueries; ++q) {
      StoreRegister((partial[q][0] + partial[q][1]) + (partial[q][2] + partial[q][3]), &scores[q][token]);
    }
  }
}

// weighted[q] = weighted[q] * corrections[q] + weights[q] . values, for kRegisters of each query from `first`.
// weighted: [kQueries, dim]; values: of a page (page_layout.h).
template <int kRegisters, int kQueries, typename T>
inline void AddValues(const float (&weights)[kQueries][kPageTokens], const float (&corrections)[kQueries],
                      const T* values, int dim, int first, float* weighted) {
  Register sums[kQueries][kRegisters];
  for (int q = 0; q < kQueries; ++q) {
    for (int part = 0; part < kRegisters; ++part)
      sums[q][part] = LoadRegister(weighted + q * dim + first + part * kRegisterWidth) * corrections[q];
  }
  for (int t = 0; t < kPageTokens; t += kTogether<T>) {
    for (int part = 0; part < kRegisters; ++part) {
      Register value[kTogether<T>];
      WidenTogether(values + ValuePlace<T>(t, first + part * kRegisterWidth, dim), value);
      for (int i = 0; i < kTogether<T>; ++i) {
        for (int q = 0; q < kQueries; ++q)
          sums[q][part] = MultiplyAdd(FillRegister(weights[q][t + i]), value[i], sums[q][part]);
      }
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int part = 0; part < kRegisters; ++part)
      StoreRegister(sums[q][part], weighted + q * dim + first + part * kRegisterWidth);
  }
}

// The queries of a task and one key-value head, and their states. kHeadDim 0: `dim` is only known at run time.
template <int kHeadDim>
struct Queries {
  const float* query;  // [queries, dim]
  int head_dim;
  float softcap;
  const BlockKeys* read;  // [queries], of the block that is folded in
  RunningSoftmax softmax;
  float* weighted;  // [queries, dim]

  int dim() const { return kHeadDim > 0 ? kHeadDim : head_dim; }
};

// Folds one page of keys and values into the states of kQueries queries, from `first` on.
template <int kQueries, int kHeadDim, typename T>
inline void FoldBlock(const Queries<kHeadDim>& of, int first, const T* keys, const T* values) {
  const int dim = of.dim();
  float* weighted = of.weighted + int64_t{first} * dim;
  alignas(64) float weights[kQueries][kPageTokens];
  float corrections[kQueries];
  Score<kQueries>(of.query + int64_t{first} * dim, keys, dim, weights);
  for (int q = 0; q < kQueries; ++q)
    corrections[q] = Weigh(of.read[first + q], of.softcap, of.softmax, first + q, weights[q]);
  // As many registers of a query at once as there are for sums; any head is as wide as some times kLanes.
  constexpr int kFitting = static_cast<int>(std::bit_floor(static_cast<unsigned>(kSumRegisters / kQueries)));
  constexpr int kRegisters = std::max(kLaneParts, std::min(kFitting, kHeadDim / kRegisterWidth));
  for (int i = 0; i < dim; i += kRegisters * kRegisterWidth)
    AddValues<kRegisters, kQueries>(weights, corrections, values, dim, i, weighted);
}

// The same for queries [first, end), each of which reads some key, as many at once as kMostQueries says.
template <int kQueries = kMostQueries, int kHeadDim, typename T>
inline void FoldQueries(const Queries<kHeadDim>& of, int first, int end, const T* keys, const T* values) {
  for (; end - first >= kQueries; first += kQueries) FoldBlock<kQueries>(of, first, keys, values);
  if constexpr (kQueries > 1) {
    if (first < end) FoldQueries<kQueries - 1>(of, first, end, keys, values);
  }
}

}  // namespace
}  // namespace pass::kernels::PASS_KERNEL_ISA
