// The adapter of a linear against its ATen formulation, and what it leaves alone.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/model/backend/aten/aten_linear.h"
#include "core/model/backend/cpu/cpu_linear.h"

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

class AdapterOfType : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override { at::manual_seed(11); }

  void MakeWeights(const Shape& shape) {
    weight_ = (at::randn({shape.out, shape.in}) / 24).to(GetParam());
    const at::Tensor a = (at::randn({shape.rank, shape.in}) / 10).to(at::kBFloat16);
    adapter_ = {ToMatrix(a), ToMatrix(at::randn({shape.out, shape.rank}).to(at::kBFloat16))};
  }
  at::Tensor Random(const std::vector<int64_t>& shape) const { return at::randn(shape).to(GetParam()); }
  CpuLinear Adapted() const {
    CpuLinear linear(weight_);
    linear.Adapt(adapter_);
    return linear;
  }

  at::Tensor weight_;
  LowRank adapter_;
};

TEST_P(AdapterOfType, AddsAsATenDoesToTheListedRowsAlone) {
  const double tolerance = GetParam() == at::kBFloat16 ? 1.0 / 64 : 1e-4;
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << "rank " << shape.rank << ", " << shape.out << " x " << shape.in);
    MakeWeights(shape);
    const CpuLinear linear = Adapted();
    AtenLinear alone(at::zeros({shape.out, shape.in}));  // what the adapter adds, by ATen in fp32
    alone.Adapt(adapter_);
    const at::Tensor x = Random({12, shape.in}), plain = linear.Multiply(x);
    for (const std::vector<int64_t>& rows : {std::vector<int64_t>{}, {3}, {0, 11}, {1, 2, 5, 6, 7, 9, 10}}) {
      const at::Tensor adapted = at::tensor(rows, at::kLong), y = linear.Multiply(x, adapted);
      const at::Tensor listed_rows = at::zeros({12, 1}, at::kBool).index_fill_(0, adapted, 1);
      const at::Tensor expected =
          (plain.to(at::kFloat) + alone.Multiply(x.to(at::kFloat), listed_rows)).to(GetParam());
      EXPECT_TRUE(at::allclose(y, expected, tolerance, tolerance));
      for (int64_t row = 0; row < 12; ++row) {
        const bool listed = std::ranges::find(rows, row) != rows.end();
        EXPECT_EQ(y[row].equal(plain[row]), !listed) << "row " << row;
      }
    }
  }
}

TEST_P(AdapterOfType, GivesEachRowTheSameBitsAmongAnyOthers) {
  for (const Shape& shape : kShapes) {
    MakeWeights(shape);
    const CpuLinear linear = Adapted();
    const at::Tensor x = Random({20, shape.in});
    const at::Tensor together = linear.Multiply(x, at::arange(20));
    for (int64_t row = 0; row < 20; ++row) {
      ASSERT_TRUE(linear.Multiply(x, at::tensor({row}))[row].equal(together[row])) << "row " << row;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, AdapterOfType, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
