// y = x W^T + b on a device, with an adapter of look-ahead rows. After loading it is immutable; any number of threads may call
// it, the model uses one.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/checkpoint/config.h"
#include "core/model/lookahead/lookahead_file.h"

namespace pass {

// W [out, in]. x: [rows, in], compute type, contiguous, on the device. `adapted`: the rows that the adapter is added to, in
// the form of the backend's plans, on the device; undefined: none.
class Linear {
 public:
  virtual ~Linear() = default;

  // While loading, each at most once. `bias`: fp32 [out] on the device. The adapter adds (x a^T) b^T.
  virtual void SetBias(const at::Tensor& bias) = 0;
  virtual void Adapt(const LowRank& adapter) = 0;

  // [rows, out].
  virtual at::Tensor Multiply(const at::Tensor& x, const at::Tensor& adapted = {}) const = 0;
  // out [rows, out / 2] = activation(g) * u for [g; u] = y, g the first half of the outputs
  // (Shazeer, GLU Variants Improve Transformer, arXiv 2002.05202).
  virtual void MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                             at::Tensor& out) const = 0;
};

}  // namespace pass
