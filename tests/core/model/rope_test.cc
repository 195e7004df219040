// The rotary tables of scaled models against those of the model without scaling, and against the formulas.
#include "core/model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pass {
namespace {

ModelConfig Config(const RopeConfig& rope) {
  return {.num_layers = 3, .head_dim = 16, .context_length = 64, .ropes = {rope}};
}

RopeTables TablesOf(const ModelConfig& config) { return MakeRopeTables(config, /*rope=*/0, at::kCPU); }

TEST(RopeTables, LinearScalingByFourMakesFourPositionsOfOne) {
  const ModelConfig config = Config({});
  const RopeTables plain = TablesOf(config), stretched = TablesOf(Config({.linear_factor = 4.0}));
  // A power of two divides exactly: the angles are the same bits.
  for (int64_t position = 0; position < config.context_length / 4; ++position) {
    EXPECT_TRUE(stretched.cos.select(0, 4 * position).equal(plain.cos.select(0, position))) << position;
    EXPECT_TRUE(stretched.sin.select(0, 4 * position).equal(plain.sin.select(0, position))) << position;
  }
  EXPECT_FALSE(stretched.sin.select(0, 1).equal(plain.sin.select(0, 1)));
}

TEST(RopeTables, YarnKeepsFastPairsDividesSlowOnesAndScalesAll) {
  const YarnRopeScaling yarn{.factor = 4.0, .attention_factor = 1.5, .original_context_length = 1000};
  const RopeTables plain = TablesOf(Config({})), scaled = TablesOf(Config({.yarn = yarn}));
  const auto angle = [](const RopeTables& tables, int64_t pair) {
    return std::atan2(tables.sin[1][pair].item<double>(), tables.cos[1][pair].item<double>());
  };
  // At base 10,000 and 1,000 positions the ramp runs from pair 1 (32 turns) to pair 5 (one turn).
  EXPECT_NEAR(angle(scaled, 0), angle(plain, 0), 1e-6);
  EXPECT_NEAR(angle(scaled, 1), angle(plain, 1), 1e-6);
  EXPECT_NEAR(angle(scaled, 3), angle(plain, 3) * (0.5 + 0.5 / 4), 1e-6);
  EXPECT_NEAR(angle(scaled, 7), angle(plain, 7) / 4, 1e-6);
  EXPECT_NEAR(std::hypot(scaled.sin[1][2].item<double>(), scaled.cos[1][2].item<double>()), 1.5, 1e-6);
}

TEST(RopeTables, ARotatedPartOfAHeadHasTheFrequenciesOfItsOwnWidth) {
  ModelConfig part = Config({}), whole = Config({});
  part.rotary_dim = 8;
  whole.head_dim = 8;
  EXPECT_TRUE(TablesOf(part).cos.equal(TablesOf(whole).cos));
}

TEST(RopeTables, LayersOfOneRotationShareATableAndOthersHaveNone) {
  ModelConfig config = Config({});
  config.layers = {{.rope = 0}, {.rope = kNoRope}, {.rope = 0}};
  const std::vector<RopeTables> tables = MakeRopeTablesOfLayers(config, at::kCPU);
  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(tables[0].cos.data_ptr(), tables[2].cos.data_ptr());
  EXPECT_FALSE(tables[1].cos.defined());
}

TEST(RopeTables, QueriesGrowWithEveryOriginalContext) {
  ModelConfig config = Config({});
  config.query_scaling = QueryScaling{.beta = 0.1, .original_context_length = 16};
  const at::Tensor scales = TablesOf(config).query_scales;
  EXPECT_EQ(scales[15].item<float>(), 1.0f);
  EXPECT_NEAR(scales[16].item<float>(), 1.0 + 0.1 * std::log(2.0), 1e-6);
  EXPECT_NEAR(scales[63].item<float>(), 1.0 + 0.1 * std::log(4.0), 1e-6);
}

}  // namespace
}  // namespace pass
