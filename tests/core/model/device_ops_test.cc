// The operators of a layer on the device that is tested (PASS_TEST_DEVICE), each beside its ATen formulation on the CPU.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/aten_ops.h"
#include "core/model/linear.h"
#include "core/model/lookahead/linear_adapter.h"
#include "core/model/rope.h"
#include "core/model/step_ops.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

using ::pass::testing::TestDevice;

class DeviceOps : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(31); }

  static at::Tensor Random(std::vector<int64_t> shape) { return at::randn(shape).to(GetParam()); }
  static at::Tensor OnDevice(const at::Tensor& tensor) { return tensor.to(TestDevice()).clone(); }
  static RopeTables OnDevice(const RopeTables& tables) {
    return {OnDevice(tables.cos), OnDevice(tables.sin), {}};
  }

  // bf16 keeps 8 bits: one unit in the last place of the larger of two roundings.
  static void ExpectClose(const at::Tensor& actual, const at::Tensor& expected) {
    const double tolerance = GetParam() == at::kBFloat16 ? 1.0 / 64 : 1e-4;
    const at::Tensor a = actual.to(at::kCPU).to(at::kFloat), e = expected.to(at::kFloat);
    EXPECT_TRUE(at::allclose(a, e, tolerance, tolerance))
        << "largest difference " << (a - e).abs().max().item<float>();
  }
};

TEST_P(DeviceOps, NormalisesAsTheCpuDoes) {
  at::Tensor residual = at::randn({9, 576}), residual_there = OnDevice(residual);
  const at::Tensor delta = Random({9, 576}), weight = at::randn({576});
  at::Tensor expected = Random({9, 576}), out = OnDevice(expected);
  aten::AddRmsNorm(residual, delta, weight, 1e-5, expected, 0.5);
  AddRmsNorm(residual_there, OnDevice(delta), OnDevice(weight), 1e-5, out, 0.5);
  ExpectClose(out, expected);
  ExpectClose(residual_there, residual);

  at::Tensor x = Random({9, 144}), x_there = OnDevice(x);
  const at::Tensor head_weight = at::randn({16});
  aten::NormSegments(x, 80, 2, head_weight, 1e-5);
  NormSegments(x_there, 80, 2, OnDevice(head_weight), 1e-5);
  ExpectClose(x_there, x);
}

TEST_P(DeviceOps, RotatesAsTheCpuDoes) {
  const HeadShape shape{9, 3, 64};
  ModelConfig config = testing::SmolLmWidths();
  const RopeTables tables = MakeRopeTables(config, /*rope=*/0, at::kCPU);
  const at::Tensor qkv = Random({21, 15 * 64}),
                   positions = at::randint(config.context_length, {21}, at::kInt);
  at::Tensor query = at::empty({21, 9, 64}), query_there = OnDevice(query);
  at::Tensor keys = Random({21, 3, 64}), keys_there = OnDevice(keys);
  at::Tensor values = Random({21, 3, 64}), values_there = OnDevice(values);
  aten::RopeSplit(qkv, tables, positions, shape, query, keys, values);
  RopeSplit(OnDevice(qkv), OnDevice(tables), OnDevice(positions), shape, query_there, keys_there,
            values_there);
  ExpectClose(query_there, query);
  ExpectClose(keys_there, keys);
  ExpectClose(values_there, values);
}

// A tree behind 37 committed tokens, and a sequence without any; all keys, and a window of them.
TEST_P(DeviceOps, AttendsAsTheCpuDoes) {
  const HeadShape shape{9, 3, 64};
  const std::vector<int32_t> first = {3, 7, 1}, second = {5};
  const std::vector<AttentionRow> rows = {{37, -1, 37, first.data()}, {38, 0, 37, first.data()},
                                          {39, 1, 37, first.data()},  {38, 0, 37, first.data()},
                                          {0, -1, 0, second.data()},  {1, 4, 0, second.data()}};
  const AttentionPlan plan = PlanAttention(rows, 4);
  const at::Tensor page_keys = Random({8, 3, 64, kPageTokens}), page_values = Random({8, 3, kPageTokens, 64});
  const at::Tensor query = at::randn({6, 9, 64}) / 4, row_keys = Random({6, 3, 64}),
                   row_values = Random({6, 3, 64});
  for (const int32_t window : {0, 17}) {
    at::Tensor expected = Random({6, 9 * 64}), out = OnDevice(expected);
    aten::Attention(plan, shape, window, query, row_keys, row_values, page_keys, page_values, expected);
    Attention(plan, shape, window, OnDevice(query), OnDevice(row_keys), OnDevice(row_values),
              OnDevice(page_keys), OnDevice(page_values), out);
    ExpectClose(out, expected);
  }
}

TEST_P(DeviceOps, GatesAsTheCpuDoes) {
  const at::Tensor gate_up = Random({11, 2 * 96});
  at::Tensor expected = Random({11, 96}), out = OnDevice(expected);
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
    aten::Gate(activation, gate_up, expected);
    Gate(activation, OnDevice(gate_up), out);
    ExpectClose(out, expected);
  }
}

TEST_P(DeviceOps, MultipliesAndAdaptsAsTheCpuDoes) {
  const at::Tensor weight = Random({960, 576}) / 24, x = Random({5, 576});
  at::Tensor expected = Linear::Aten(x.to(at::kFloat), weight.to(at::kFloat)).to(GetParam());
  at::Tensor y = Linear(OnDevice(weight))(OnDevice(x));
  ExpectClose(y, expected);

  const LookaheadTokens tokens =
      testing::MakeRandomLookahead(testing::SmolLmWidths(), {.count = 1, .rank = 16}, /*seed=*/3);
  const LowRank& low_rank = tokens.adapter.front().qkv;
  const auto matrix = [](const Bf16Matrix& values) {
    return at::from_blob(const_cast<uint16_t*>(values.values.data()), {values.rows, values.columns},
                         at::kBFloat16)
        .to(GetParam());
  };
  const std::vector<int64_t> adapted = {1, 4};
  LinearAdapter::Aten(x, adapted, matrix(low_rank.a), matrix(low_rank.b), expected);
  LinearAdapter(low_rank, y.options()).Add(OnDevice(x), adapted, y);
  ExpectClose(y, expected);
}

INSTANTIATE_TEST_SUITE_P(, DeviceOps, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
