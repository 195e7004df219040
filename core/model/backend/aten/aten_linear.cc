#include "core/model/backend/aten/aten_linear.h"

#include <ATen/ATen.h>

#include <utility>
#include <vector>

#include "core/model/backend/to_tensor.h"

namespace pass {

AtenLinear::AtenLinear(at::Tensor weight) : weight_(std::move(weight)) {}

void AtenLinear::Adapt(const LowRank& adapter) {
  a_ = ToTensor(adapter.a, weight_.options());
  b_ = ToTensor(adapter.b, weight_.options());
}

at::Tensor AtenLinear::Multiply(const at::Tensor& x, const at::Tensor& adapted) const {
  at::Tensor y = at::linear(x, weight_);
  if (bias_.defined()) y.add_(bias_);
  // For all rows, whose number then is that of every other product.
  if (a_.defined() && adapted.defined()) y = at::where(adapted, y + at::linear(at::linear(x, a_), b_), y);
  return y;
}

void AtenLinear::MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                               at::Tensor& out) const {
  const std::vector<at::Tensor> halves = Multiply(x, adapted).to(at::kFloat).chunk(2, -1);
  const bool silu = activation == Activation::kSilu;
  out.copy_((silu ? at::silu(halves[0]) : at::gelu(halves[0], "tanh")) * halves[1]);
}

}  // namespace pass
