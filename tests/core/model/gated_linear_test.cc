// The gate that each thread computes of its own products, against the products and the gate one after the other.
#include "core/model/gated_linear.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/model/step_ops.h"

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
    const LinearAdapter adapter({RandomMatrix(16, 576), RandomMatrix(2 * width, 16)},
                                at::TensorOptions().dtype(GetParam()));
    const GatedLinear gated(weight);
    const Linear linear(weight);
    for (const int64_t rows : {1, 5, 13, 40}) {
      SCOPED_TRACE(::testing::Message() << "width " << width << ", " << rows << " rows");
      const at::Tensor x = at::randn({rows, 576}).to(GetParam());
      const std::vector<int64_t> adapted_rows = {rows - 1};
      for (const Adapted& adapted : {Adapted{}, Adapted{&adapter, adapted_rows}}) {
        at::Tensor out = at::empty({rows, width}, x.options()), expected = at::empty_like(out);
        gated(x, adapted, out);
        Gate(Activation::kSilu, linear(x, adapted), expected);
        EXPECT_TRUE(out.equal(expected));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, GatedLinearOfType, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& test) { return std::string(at::toString(test.param)); });

}  // namespace
}  // namespace pass
