// The rotary tables of scaled models against those of the model without scaling.
#include "core/model/rope.h"

#include <gtest/gtest.h>

namespace pass {
namespace {

constexpr LlamaConfig kConfig = {.head_dim = 16, .context_length = 64, .rope_theta = 10000.0};

TEST(RopeTables, LinearScalingByFourMakesFourPositionsOfOne) {
  LlamaConfig scaled = kConfig;
  scaled.rope_linear_factor = 4.0;
  const RopeTables plain = MakeRopeTables(kConfig, at::kCPU), stretched = MakeRopeTables(scaled, at::kCPU);
  // A power of two divides exactly: the angles are the same bits.
  for (int64_t position = 0; position < kConfig.context_length / 4; ++position) {
    EXPECT_TRUE(stretched.cos.select(0, 4 * position).equal(plain.cos.select(0, position))) << position;
    EXPECT_TRUE(stretched.sin.select(0, 4 * position).equal(plain.sin.select(0, position))) << position;
  }
  EXPECT_FALSE(stretched.sin.select(0, 1).equal(plain.sin.select(0, 1)));
}

}  // namespace
}  // namespace pass
