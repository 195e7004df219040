// y = x W^T in bf16 with fp32 sums, for CPUs with AVX512-BF16: decoding reads every weight once per step, and this reads
// them as fast as memory gives them, in the order in which they lie.
//
// A weight [out, in] is packed as [out / 32][in / 2][32][2]: blocks of 32 outputs, pairs of inputs side by side, the last
// block filled up with zeros. Each output of each row is one chain of vdpbf16ps over the input pairs in order, whatever the
// number of rows or the range of blocks: row-invariant by construction. Torch-free and pure.
#pragma once

#include <cstdint>

#include "core/kernels/kernels.h"

namespace pass::kernels {

inline constexpr int64_t kLinearBlock = 32;

// A weight of the step's layers is read once a forward, and the cache is too small for all of them. One that is read several
// times in a row may stay there.
enum class Reads : uint8_t { kOnce, kAgain };

bool CpuHasAvx512Bf16();

inline int64_t LinearBlocks(int64_t out) { return (out + kLinearBlock - 1) / kLinearBlock; }

// weight: [out, in], `in` even. packed: LinearBlocks(out) * kLinearBlock * in elements.
void PackLinear(const Bf16* weight, int64_t out, int64_t in, Bf16* packed);

// Blocks [begin, end) of y [rows, out] from x [rows, in]; Out is Bf16 or float. Only where CpuHasAvx512Bf16().
template <typename Out>
void MultiplyBlocks(const Bf16* x, int64_t rows, const Bf16* packed, int64_t out, int64_t in, Out* y,
                    int64_t begin, int64_t end, Reads reads);

}  // namespace pass::kernels
