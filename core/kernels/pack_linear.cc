#include <algorithm>

#include "core/kernels/linear.h"

namespace pass::kernels {
namespace {

// [in][32][1] for fp32, [in / 2][32][2] for bf16: `side` inputs stand side by side.
template <typename T>
void PackBlock(const T* weight, int64_t outputs, int64_t in, int64_t side, T* packed) {
  std::fill_n(packed, PackedBlock<T>(in), T{});
  for (int64_t column = 0; column < outputs; ++column) {
    const T* row = weight + column * in;
    for (int64_t i = 0; i < in; ++i) packed[(i / side * kLinearBlock + column) * side + i % side] = row[i];
  }
}

}  // namespace

template <typename T>
void PackLinear(const T* weight, int64_t out, int64_t in, T* packed, int64_t begin, int64_t end) {
  constexpr int64_t kSide = sizeof(T) == sizeof(float) ? 1 : 2;
  for (int64_t block = begin; block < end; ++block) {
    const int64_t first = block * kLinearBlock;
    PackBlock(weight + first * in, std::min(kLinearBlock, out - first), in, kSide,
              packed + block * PackedBlock<T>(in));
  }
}

template void PackLinear(const Bf16*, int64_t, int64_t, Bf16*, int64_t, int64_t);
template void PackLinear(const float*, int64_t, int64_t, float*, int64_t, int64_t);

}  // namespace pass::kernels
