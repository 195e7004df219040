// The operators of the CPU against ATen's, on random input.
#include "core/model/backend/backend.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

#include "core/model/backend/aten/aten_backend.h"
#include "core/model/backend/aten/aten_plan.h"
#include "core/model/backend/cpu/attention.h"
#include "core/model/backend/cpu/cpu_backend.h"
#include "core/model/rope.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

// bf16 keeps 8 bits: one unit in the last place of the larger of two roundings. In fp32 ATen's own results differ by 3e-5 from
// one run to the next, where a tensor's place in memory decides how its tanh is computed.
double Tolerance(at::ScalarType type) { return type == at::kBFloat16 ? 1.0 / 64 : 1e-4; }

void ExpectClose(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  const at::Tensor a = actual.to(at::kFloat), e = expected.to(at::kFloat);
  EXPECT_TRUE(at::allclose(a, e, tolerance, tolerance))
      << "largest difference " << (a - e).abs().max().item<float>();
}

class Operators : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(5); }
  at::TensorOptions options() const { return at::TensorOptions().dtype(GetParam()); }
  at::Tensor Random(const std::vector<int64_t>& shape) const { return at::randn(shape).to(GetParam()); }
  void AttendsAsATenDoes(const HeadShape& shape, int32_t window) const;

  const CpuBackend cpu_{options()};
  const AtenBackend aten_{options()};
};

// Pages [pages, kv_heads, k, n] as the CPU's own kernels have them (core/kernels/page_layout.h).
at::Tensor OfTheCpu(const at::Tensor& pages) {
  const int64_t together = 4 / pages.element_size();
  return pages.unflatten(2, {-1, together}).transpose(3, 4).flatten(2).contiguous();
}

// Over pages, a tree, a chain across a page's end and a sequence without a committed token.
void Operators::AttendsAsATenDoes(const HeadShape& shape, int32_t window) const {
  const int64_t num_pages = 20;
  const at::Tensor page_keys = Random({num_pages, shape.kv_heads, shape.head_dim, kPageTokens});
  const at::Tensor page_values = Random({num_pages, shape.kv_heads, kPageTokens, shape.head_dim});
  const std::vector<int32_t> first = {3, 7, 1, 12}, second = {5, 6}, third = {9};
  for (const int64_t page : {0, 9}) {  // of nobody, and of a sequence without a committed token: never read
    page_keys[page].fill_(std::numeric_limits<float>::quiet_NaN());
    page_values[page].fill_(std::numeric_limits<float>::quiet_NaN());
  }
  const std::vector<AttentionRow> rows = {
      // A tree behind 37 committed tokens: a chain of three, and two more children of its root.
      {37, -1, 37, first.data()},
      {38, 0, 37, first.data()},
      {39, 1, 37, first.data()},
      {38, 0, 37, first.data()},
      {39, 3, 37, first.data()},
      {38, 0, 37, first.data()},
      // A chain across a page's end, behind 15 tokens.
      {15, -1, 15, second.data()},
      {16, 6, 15, second.data()},
      {17, 7, 15, second.data()},
      // A sequence without a committed token.
      {0, -1, 0, third.data()},
      {1, 9, 0, third.data()}};
  const int64_t count = static_cast<int64_t>(rows.size());
  const at::Tensor query = at::randn({count, shape.heads, shape.head_dim}) / 4;
  const KvLayer layer = {OfTheCpu(page_keys), OfTheCpu(page_values),
                         Random({count, shape.kv_heads, shape.head_dim}),
                         Random({count, shape.kv_heads, shape.head_dim})};
  const KvLayer by_aten = {page_keys.transpose(2, 3).contiguous(), page_values, layer.row_keys,
                           layer.row_values};
  std::vector<StepRow> step_rows;
  for (const AttentionRow& row : rows) step_rows.push_back({.attention = row});
  at::Tensor expected = at::empty({count, int64_t{shape.heads} * shape.head_dim}, options());
  aten_.Attention(*aten_.Plan(step_rows), shape, window, query, by_aten, expected);
  for (const int rows_per_task : {1, 4, kMaxTaskRows}) {
    at::Tensor out = at::empty_like(expected);
    AttendOnCpu(PlanAttention(rows, rows_per_task), shape, window, query, layer, out);
    ExpectClose(out, expected, Tolerance(GetParam()));
  }
}

TEST_P(Operators, NormalisesAsATenDoes) {
  for (const int64_t rows : {1, 2, 9, 40}) {
    for (const int64_t width : {64, 576, 100}) {
      at::Tensor residual = at::randn({rows, width}), copy = residual.clone();
      const at::Tensor delta = Random({rows, width}), weight = at::randn({width});
      at::Tensor out = at::empty({rows, width}, options()), expected = at::empty_like(out);
      cpu_.AddRmsNorm(residual, delta, weight, 1e-5, out, 1.0);
      aten_.AddRmsNorm(copy, delta, weight, 1e-5, expected, 1.0);
      ExpectClose(out, expected, Tolerance(GetParam()));
      EXPECT_TRUE(residual.equal(copy));
      cpu_.AddRmsNorm(residual, {}, weight, 1e-5, out, 1.0);
      EXPECT_TRUE(residual.equal(copy)) << "without a delta the residual stream stays as it is";
    }
  }
}

TEST_P(Operators, AddsAMultipleAndLeavesOutTheNormAsATenDoes) {
  for (const int64_t width : {64, 100}) {
    at::Tensor residual = at::randn({9, width}), copy = residual.clone();
    const at::Tensor delta = Random({9, width});
    at::Tensor out = at::empty({9, width}, options()), expected = at::empty_like(out);
    cpu_.AddRmsNorm(residual, delta, /*weight=*/{}, 1e-5, out, 0.22);
    aten_.AddRmsNorm(copy, delta, /*weight=*/{}, 1e-5, expected, 0.22);
    ExpectClose(residual, copy, 1e-6);
    ExpectClose(out, expected, Tolerance(GetParam()));
  }
}

TEST_P(Operators, NormalisesSegmentsAsATenDoes) {
  struct Case {
    int64_t first, segments, width;
  };
  // Query heads, key heads behind them, and a whole projection.
  for (const Case& c : {Case{0, 5, 16}, Case{80, 2, 16}, Case{0, 1, 80}, Case{3, 2, 20}}) {
    at::Tensor x = Random({21, 144}), copy = x.clone();
    const at::Tensor before = x.clone(), weight = at::randn({c.width});
    cpu_.NormSegments(x, c.first, c.segments, weight, 1e-5);
    aten_.NormSegments(copy, c.first, c.segments, weight, 1e-5);
    ExpectClose(x, copy, Tolerance(GetParam()));
    const int64_t end = c.first + c.segments * c.width;
    EXPECT_TRUE(x.narrow(1, 0, c.first).equal(before.narrow(1, 0, c.first)));
    EXPECT_TRUE(x.narrow(1, end, 144 - end).equal(before.narrow(1, end, 144 - end)));
  }
}

TEST_P(Operators, RotatesAsATenDoes) {
  // Whole heads; a part of each, and queries of a scale of their own that grows with the position; nothing.
  for (const int rotary_dim : {0, 8, kNoRope}) {
    for (HeadShape shape : {HeadShape{9, 3, 64}, HeadShape{4, 2, 16}, HeadShape{8, 8, 128}}) {
      ModelConfig config = testing::TinyConfig();
      config.head_dim = shape.head_dim;
      if (rotary_dim > 0) {
        config.rotary_dim = rotary_dim;
        config.query_scaling = QueryScaling{.beta = 0.5, .original_context_length = 20};
        shape.scale = 0.3;
      }
      const int rope = rotary_dim == kNoRope ? kNoRope : 0;
      const RopeTables tables = MakeRopeTables(config, rope, at::kCPU);
      const int64_t rows = 21;
      const at::Tensor qkv = Random({rows, (shape.heads + 2 * shape.kv_heads) * shape.head_dim});
      std::vector<StepRow> step_rows;
      for (int64_t i = 0; i < rows; ++i) {
        const auto position = static_cast<int32_t>(i * 97 % config.context_length);
        step_rows.push_back({.attention = {.position = position}});
      }
      at::Tensor query = at::empty({rows, shape.heads, shape.head_dim}, at::kFloat),
                 query2 = at::empty_like(query);
      const auto empty = [&] { return at::empty({rows, shape.kv_heads, shape.head_dim}, options()); };
      KvLayer layer{.page_keys = {}, .page_values = {}, .row_keys = empty(), .row_values = empty()};
      KvLayer layer2{.page_keys = {}, .page_values = {}, .row_keys = empty(), .row_values = empty()};
      cpu_.RopeSplit(qkv, tables, *cpu_.Plan(step_rows), shape, query, layer);
      aten_.RopeSplit(qkv, tables, *aten_.Plan(step_rows), shape, query2, layer2);
      ExpectClose(query, query2, 1e-5);
      ExpectClose(layer.row_keys, layer2.row_keys, Tolerance(GetParam()));
      EXPECT_TRUE(layer.row_values.equal(layer2.row_values));
    }
  }
}

TEST_P(Operators, GatesAsATenDoes) {
  // A weight of ones and zeros hands its input on, far into both tails of the sigmoid. Numbers that stand together are about as
  // large: bf16 may be computed with one exponent for them all (core/kernels/quantized.h).
  const at::Tensor sizes = at::tensor({0.1, 2.0, 60.0}).repeat_interleave(32).repeat({2});
  const at::Tensor gate_up =
      ((at::rand({11, 2 * 96}) * 0.9 + 0.1) * at::randn({11, 2 * 96}).sign() * sizes).to(GetParam());
  const at::Tensor identity = at::eye(2 * 96).to(GetParam());
  at::Tensor out = at::empty({11, 96}, options()), expected = at::empty_like(out);
  const auto linear = cpu_.MakeLinear(identity, std::nullopt),
             by_aten = aten_.MakeLinear(identity, std::nullopt);
  for (const Activation activation : {Activation::kSilu, Activation::kGeluTanh}) {
    linear->MultiplyGated(gate_up, {}, activation, out);
    by_aten->MultiplyGated(gate_up, {}, activation, expected);
    ExpectClose(out, expected, Tolerance(GetParam()));
  }
}

TEST_P(Operators, AttendsAsATenDoesOverPagesAndTrees) {
  for (const HeadShape shape : {HeadShape{9, 3, 64}, HeadShape{4, 2, 16}, HeadShape{2, 1, 128}}) {
    AttendsAsATenDoes(shape, /*window=*/0);
  }
}

TEST_P(Operators, AttendsAsATenDoesThroughWindows) {
  for (const int32_t window : {1, 2, 5, 16, 17, 30, 64}) {
    SCOPED_TRACE(window);
    AttendsAsATenDoes({9, 3, 64}, window);
    AttendsAsATenDoes({4, 2, 16}, window);
  }
}

TEST_P(Operators, CapsAndScalesScoresAsATenDoes) {
  AttendsAsATenDoes({.heads = 4, .kv_heads = 1, .head_dim = 32, .softcap = 0.5}, /*window=*/0);
}

INSTANTIATE_TEST_SUITE_P(, Operators, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
