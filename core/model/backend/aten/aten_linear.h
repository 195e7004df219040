// A linear by ATen. `adapted`: bool [rows, 1].
#pragma once

#include "core/model/backend/linear.h"

namespace pass {

class AtenLinear final : public Linear {
 public:
  // `weight`: [out, in], compute type, on its device; kept.
  explicit AtenLinear(at::Tensor weight);

  void SetBias(const at::Tensor& bias) override { bias_ = bias; }
  void Adapt(const LowRank& adapter) override;

  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& adapted = {}) const override;
  void MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                     at::Tensor& out) const override;

 private:
  at::Tensor weight_, bias_;
  at::Tensor a_, b_;  // of the adapter, or undefined
};

}  // namespace pass
