#include "core/model/backend/cpu/cpu_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace pass {
namespace {

struct Shape {
  int64_t out, in;
};

// Every linear of SmolLM2-135M, and a few widths of larger models.
constexpr Shape kShapes[] = {{960, 576},   {576, 576},   {3072, 576}, {576, 1536},
                             {49152, 576}, {2048, 2048}, {96, 64}};

class LinearOfType : public ::testing::TestWithParam<at::ScalarType> {};

TEST_P(LinearOfType, GivesEachRowTheSameBitsForEveryNumberOfRows) {
  at::manual_seed(3);
  for (const Shape& shape : kShapes) {
    SCOPED_TRACE(::testing::Message() << shape.out << " x " << shape.in);
    const CpuLinear linear(at::randn({shape.out, shape.in}).to(GetParam()));
    const at::Tensor x = at::randn({200, shape.in}).to(GetParam());
    const at::Tensor reference = linear.Multiply(x.narrow(0, 0, 64));
    for (int64_t rows = 1; rows <= 64; rows += shape.out > 10000 ? 7 : 1) {
      ASSERT_TRUE(linear.Multiply(x.narrow(0, 0, rows)).equal(reference.narrow(0, 0, rows)))
          << rows << " rows";
    }
    if (shape.out > 10000) continue;
    const at::Tensor many = linear.Multiply(x);
    for (const int64_t rows : {65, 66, 128, 129, 193}) {  // several slices, the last one short
      ASSERT_TRUE(linear.Multiply(x.narrow(0, 0, rows)).equal(many.narrow(0, 0, rows))) << rows << " rows";
    }
    ASSERT_TRUE(many.narrow(0, 0, 64).equal(reference));
    // The place of a row among the others does not matter either.
    ASSERT_TRUE(linear.Multiply(x.flip(0).contiguous()).flip(0).equal(many));
  }
}

TEST_P(LinearOfType, GivesTheSameBitsHoweverOftenItsWeightIsRead) {
  at::manual_seed(5);
  const at::Tensor weight = at::randn({960, 576}).to(GetParam());
  const CpuLinear once(weight), again(weight, kernels::Reads::kAgain);
  for (const int64_t rows : {1, 5, 12, 13, 40}) {  // one tile of rows, and several
    const at::Tensor x = at::randn({rows, 576}).to(GetParam());
    EXPECT_TRUE(once.Multiply(x).equal(again.Multiply(x))) << rows << " rows";
  }
}

TEST_P(LinearOfType, AgreesWithATen) {
  at::manual_seed(4);
  const double tolerance = GetParam() == at::kBFloat16 ? 1.0 / 64 : 1e-4;
  for (const int64_t out : {96, 64, 100, 1}) {  // whole blocks of outputs, and a last one that is not
    const at::Tensor weight = at::randn({out, 576}).to(GetParam()), x = at::randn({9, 576}).to(GetParam());
    const at::Tensor expected = at::linear(x.to(at::kFloat), weight.to(at::kFloat)).to(GetParam());
    CpuLinear linear(weight);
    EXPECT_TRUE(at::allclose(linear.Multiply(x), expected, tolerance, tolerance)) << out << " outputs";
    const at::Tensor bias = at::randn({out}) * 10;
    linear.SetBias(bias);
    EXPECT_TRUE(at::allclose(linear.Multiply(x), expected + bias.to(GetParam()), tolerance, 4 * tolerance))
        << out << " outputs with a bias";
  }
}

INSTANTIATE_TEST_SUITE_P(, LinearOfType, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
