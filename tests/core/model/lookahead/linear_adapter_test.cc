// The adapter of a linear against its ATen formulation, and what it leaves alone.
#include "core/model/lookahead/linear_adapter.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/linear.h"

namespace pass {
namespace {

struct Shape {
  int64_t rank, in, out;
};

// The linears of SmolLM2-135M; sizes that leave a rest in every direction.
constexpr Shape kShapes[] = {{16, 576, 960}, {16, 576, 3072}, {16, 1536, 576},
                             {8, 64, 96},    {1, 64, 16},     {33, 100, 75}};

Bf16Matrix ToMatrix(const at::Tensor& bf16) {
  const auto* values = static_cast<const uint16_t*>(bf16.data_ptr());
  return {.rows = bf16.size(0), .columns = bf16.size(1), .values = {values, values + bf16.numel()}};
}

class LinearAdapterOfType : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(11); }

  void MakeWeights(const Shape& shape) {
    a_ = (at::randn({shape.rank, shape.in}) / 10).to(at::kBFloat16);
    b_ = at::randn({shape.out, shape.rank}).to(at::kBFloat16);
    adapter_ = LinearAdapter({ToMatrix(a_), ToMatrix(b_)}, at::TensorOptions().dtype(GetParam()));
  }
  at::Tensor Random(std::vector<int64_t> shape) const { return at::randn(shape).to(GetParam()); }

  at::Tensor a_, b_;
  LinearAdapter adapter_;
};

TEST_P(LinearAdapterOfType, AddsAsATenDoesToTheListedRowsAlone) {
  const double tolerance = GetParam() == at::kBFloat16 ? 1.0 / 64 : 1e-4;
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << "rank " << shape.rank << ", " << shape.out << " x " << shape.in);
    MakeWeights(shape);
    const at::Tensor x = Random({12, shape.in}), before = Random({12, shape.out});
    for (const std::vector<int64_t>& rows : {std::vector<int64_t>{}, {3}, {0, 11}, {1, 2, 5, 6, 7, 9, 10}}) {
      const at::Tensor y = before.clone(), expected = before.to(at::kFloat);
      adapter_.Add(x, rows, y);
      LinearAdapter::Aten(x.to(at::kFloat), rows, a_.to(at::kFloat), b_.to(at::kFloat), expected);
      EXPECT_TRUE(at::allclose(y, expected.to(GetParam()), tolerance, tolerance));
      for (int64_t row = 0; row < 12; ++row) {
        if (std::ranges::find(rows, row) != rows.end()) continue;
        EXPECT_TRUE(y[row].equal(before[row])) << "row " << row;
      }
    }
  }
}

TEST_P(LinearAdapterOfType, GivesEachRowTheSameBitsAmongAnyOthers) {
  for (const Shape& shape : kShapes) {
    MakeWeights(shape);
    const at::Tensor x = Random({20, shape.in}), before = Random({20, shape.out});
    std::vector<int64_t> all(20);
    std::iota(all.begin(), all.end(), 0);
    const at::Tensor together = before.clone();
    adapter_.Add(x, all, together);
    for (int64_t row = 0; row < 20; ++row) {
      const at::Tensor alone = before.clone();
      adapter_.Add(x, std::vector<int64_t>{row}, alone);
      ASSERT_TRUE(alone[row].equal(together[row])) << "row " << row;
    }
  }
}

TEST_P(LinearAdapterOfType, IsAddedByEveryPathOfALinear) {
  MakeWeights({16, 576, 960});
  const at::Tensor weight = (at::randn({960, 576}) / 24).to(GetParam()), x = Random({5, 576});
  const std::vector<int64_t> rows = {1, 4};
  for (const Linear::Path path : {Linear::Path::kAten, Linear::Path::kOwn}) {
    const Linear linear(weight, path);
    const at::Tensor expected = linear(x);
    adapter_.Add(x, rows, expected);
    EXPECT_TRUE(linear(x, {&adapter_, rows}).equal(expected)) << "path " << static_cast<int>(path);
  }
}

INSTANTIATE_TEST_SUITE_P(, LinearAdapterOfType, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
