// silu(g) * u, or gelu(g) * u, for [g; u] = x W^T, the first half of the outputs and the second: the two products and the gate between them
// (Shazeer, GLU Variants Improve Transformer, arXiv 2002.05202). On the own path each thread gates what it has multiplied,
// which then never leaves its cache; elsewhere one follows the other. The bits are the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

#include "core/checkpoint/config.h"
#include "core/model/linear.h"

namespace pass {

class GatedLinear {
 public:
  GatedLinear() = default;
  // `weight`: [2 * width, in], the gate's rows first.
  explicit GatedLinear(const at::Tensor& weight, Activation activation = Activation::kSilu)
      : GatedLinear(Linear(weight), activation) {}
  explicit GatedLinear(Linear linear, Activation activation = Activation::kSilu)
      : linear_(std::move(linear)), activation_(activation) {}

  // x: [rows, in], out: [rows, width], compute type, contiguous. The adapter adds to g and u.
  void operator()(const at::Tensor& x, const Adapted& adapted, at::Tensor& out) const;

 private:
  Linear linear_;
  Activation activation_ = Activation::kSilu;
};

}  // namespace pass
