// y += (x a^T) b^T in bf16 with fp32 sums, for CPUs with AVX512-BF16: the low-rank weights of look-ahead rows, read once.
//
// Each inner number is two chains of vdpbf16ps over the input pairs, in turns; each output is one fp32 chain over the inner
// numbers, added to y and rounded. The number of rows does not matter: row-invariant by construction. Torch-free and pure.
#pragma once

#include <cstdint>

#include "core/kernels/draft_kernels.h"

namespace pass::kernels {

// As DraftTable<Bf16>::add_low_rank. Only on CPUs with AVX512-BF16.
void AddLowRank(const LowRankData<Bf16>& data, int64_t begin, int64_t end, float* scratch);

}  // namespace pass::kernels
