#include "core/kernels/draft_kernels.h"

namespace pass::kernels {

void PackPairs(const Bf16* weight, const PairMatrix& matrix, Bf16* packed) {
  for (int64_t block = 0; block < matrix.blocks(); ++block) {
    for (int64_t pair = 0; pair < matrix.pairs(); ++pair) {
      for (int64_t element = 0; element < 2 * kPairBlock; ++element) {
        const int64_t o = block * kPairBlock + element / 2, i = 2 * pair + element % 2;
        *packed++ = o < matrix.out && i < matrix.in ? weight[o * matrix.in + i] : Bf16{0};
      }
    }
  }
}

}  // namespace pass::kernels
