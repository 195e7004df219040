// The CPU kernels against their ATen formulation, on random input.
#include "core/model/step_ops.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/aten_ops.h"
#include "core/model/rope.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

// bf16 keeps 8 bits: one unit in the last place of the larger of two roundings.
double Tolerance(at::ScalarType type) { return type == at::kBFloat16 ? 1.0 / 64 : 2e-5; }

void ExpectClose(const at::Tensor& actual, const at::Tensor& expected, double tolerance) {
  const at::Tensor a = actual.to(at::kFloat), e = expected.to(at::kFloat);
  EXPECT_TRUE(at::allclose(a, e, tolerance, tolerance))
      << "largest difference " << (a - e).abs().max().item<float>();
}

class StepOps : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(5); }
  at::TensorOptions options() const { return at::TensorOptions().dtype(GetParam()); }
  at::Tensor Random(std::vector<int64_t> shape) const { return at::randn(shape).to(GetParam()); }
};

TEST_P(StepOps, NormalisesAsATenDoes) {
  for (const int64_t rows : {1, 2, 9, 40}) {
    for (const int64_t width : {64, 576, 100}) {
      at::Tensor residual = at::randn({rows, width}), copy = residual.clone();
      const at::Tensor delta = Random({rows, width}), weight = at::randn({width});
      at::Tensor out = at::empty({rows, width}, options()), expected = at::empty_like(out);
      AddRmsNorm(residual, delta, weight, 1e-5, out);
      aten::AddRmsNorm(copy, delta, weight, 1e-5, expected);
      ExpectClose(out, expected, Tolerance(GetParam()));
      EXPECT_TRUE(residual.equal(copy));
      AddRmsNorm(residual, {}, weight, 1e-5, out);
      EXPECT_TRUE(residual.equal(copy)) << "without a delta the residual stream stays as it is";
    }
  }
}

TEST_P(StepOps, RotatesAsATenDoes) {
  for (const HeadShape shape : {HeadShape{9, 3, 64}, HeadShape{4, 2, 16}, HeadShape{8, 8, 128}}) {
    LlamaConfig config = testing::TinyConfig();
    config.head_dim = shape.head_dim;
    const RopeTables tables = MakeRopeTables(config, at::kCPU);
    const int64_t rows = 21;
    const at::Tensor qkv = Random({rows, (shape.heads + 2 * shape.kv_heads) * shape.head_dim});
    const at::Tensor positions = at::randint(config.context_length, {rows}, at::kInt);
    at::Tensor query = at::empty({rows, shape.heads, shape.head_dim}, at::kFloat),
               query2 = at::empty_like(query);
    at::Tensor keys = at::empty({rows, shape.kv_heads, shape.head_dim}, options()),
               keys2 = at::empty_like(keys);
    at::Tensor values = at::empty_like(keys), values2 = at::empty_like(keys);
    RopeSplit(qkv, tables, positions, shape, query, keys, values);
    aten::RopeSplit(qkv, tables, positions, shape, query2, keys2, values2);
    ExpectClose(query, query2, 1e-5);
    ExpectClose(keys, keys2, Tolerance(GetParam()));
    EXPECT_TRUE(values.equal(values2));
  }
}

TEST_P(StepOps, GatesAsATenDoes) {
  const at::Tensor gate_up = Random({11, 2 * 96}) * 20;  // far into both tails of the sigmoid
  at::Tensor out = at::empty({11, 96}, options()), expected = at::empty_like(out);
  SwiGlu(gate_up, out);
  aten::SwiGlu(gate_up, expected);
  ExpectClose(out, expected, Tolerance(GetParam()));
}

TEST_P(StepOps, AttendsAsATenDoesOverPagesAndTrees) {
  for (const HeadShape shape : {HeadShape{9, 3, 64}, HeadShape{4, 2, 16}, HeadShape{2, 1, 128}}) {
    const int64_t num_pages = 20;
    const at::Tensor page_keys = Random({num_pages, shape.kv_heads, shape.head_dim, kPageTokens});
    const at::Tensor page_values = Random({num_pages, shape.kv_heads, kPageTokens, shape.head_dim});
    const std::vector<int32_t> first = {3, 7, 1, 12}, second = {5, 6}, third = {9};
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
    const at::Tensor row_keys = Random({count, shape.kv_heads, shape.head_dim});
    const at::Tensor row_values = Random({count, shape.kv_heads, shape.head_dim});
    at::Tensor expected = at::empty({count, int64_t{shape.heads} * shape.head_dim}, options());
    aten::Attention(PlanAttention(rows, 4), shape, query, row_keys, row_values, page_keys, page_values,
                    expected);
    for (const int rows_per_task : {1, 4, kMaxTaskRows}) {
      at::Tensor out = at::empty_like(expected);
      Attention(PlanAttention(rows, rows_per_task), shape, query, row_keys, row_values, page_keys,
                page_values, out);
      ExpectClose(out, expected, Tolerance(GetParam()));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, StepOps, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
