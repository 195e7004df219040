// The gate that each thread computes of its own products, against the products and the gate one after the other.
#include "core/model/backend/cpu/cpu_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/core/model/backend/gate.h"

namespace pass {
namespace {

class GatedLinearOfType : public ::testing::TestWithParam<at::ScalarType> {};

Bf16Matrix RandomMatrix(int64_t rows, int64_t columns) {
  const at::Tensor values = (at::randn({rows, columns}) / 4).to(at::kBFloat16);
  Bf16Matrix matrix{.rows = rows, .columns = columns, .values = {}};
  matrix.values.resize(static_cast<size_t>(values.numel()));
  std::memcpy(matrix.values.data(), values.data_ptr(), matrix.values.size() * sizeof(uint16_t));
  return matrix;
}

TEST_P(GatedLinearOfType, GivesTheBitsOfProductsAndGateOneAfterTheOther) {
  at::manual_seed(7);
  for (const int64_t width : {1536, 96, 40}) {  // whole blocks, an odd number of them, and a rest
    const at::Tensor weight = (at::randn({2 * width, 576}) / 24).to(GetParam());
    CpuLinear linear(weight);
    linear.Adapt({RandomMatrix(16, 576), RandomMatrix(2 * width, 16)});
    for (const int64_t rows : {1, 5, 13, 40}) {
      SCOPED_TRACE(::testing::Message() << "width " << width << ", " << rows << " rows");
      const at::Tensor x = at::randn({rows, 576}).to(GetParam());
      for (const at::Tensor& adapted : {at::Tensor(), at::tensor({rows - 1})}) {
        at::Tensor out = at::empty({rows, width}, x.options());
        linear.MultiplyGated(x, adapted, Activation::kSilu, out);
        EXPECT_TRUE(out.equal(testing::Gate(Activation::kSilu, linear.Multiply(x, adapted))));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, GatedLinearOfType, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
