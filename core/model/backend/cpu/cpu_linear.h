// A linear on the CPU, row-invariant: a packed weight for the own kernels (core/kernels/linear.h), or one of 8 or 4 bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "core/kernels/linear.h"
#include "core/model/backend/cpu/cpu_adapter.h"
#include "core/model/backend/cpu/quantized_weight.h"
#include "core/model/backend/linear.h"

namespace pass {

class CpuLinear final : public Linear {
 public:
  // `weight`: [out, in], bf16 or fp32.
  explicit CpuLinear(const at::Tensor& weight, kernels::Reads reads = kernels::Reads::kOnce);
  explicit CpuLinear(QuantizedWeight weight) : quantized_(std::move(weight)), out_(quantized_->out()) {}

  void SetBias(const at::Tensor& bias) override { bias_ = bias; }
  void Adapt(const LowRank& adapter) override { adapter_.emplace(adapter); }

  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& adapted = {}) const override;
  // Each thread gates what it has multiplied, which then never leaves its cache.
  void MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                     at::Tensor& out) const override;

  // The product alone in fp32, not rounded to the compute type. Not of a quantised weight.
  at::Tensor ToFloat(const at::Tensor& x) const;

 private:
  struct Inputs {
    at::Tensor x;
    at::Tensor rounded;                // for a quantised weight
    at::Tensor wide;                   // for linears that compute with fp32, x if its type is another
    std::span<const int64_t> adapted;  // rows
  };

  Inputs Prepare(const at::Tensor& x, const at::Tensor& adapted) const;
  // Outputs [begin, end) of y [rows, out], by one thread; `begin` is a multiple of kernels::kLinearBlock, and `end` too or
  // the last.
  void MultiplyOnThisThread(const Inputs& inputs, const at::Tensor& y, int64_t begin, int64_t end) const;
  template <typename T>
  kernels::LinearData<T> DataFor(const Inputs& inputs) const;

  at::Tensor packed_;  // undefined if it is quantised
  std::optional<QuantizedWeight> quantized_;
  at::Tensor bias_;
  std::optional<CpuAdapter> adapter_;
  int64_t out_ = 0;
  kernels::Reads reads_ = kernels::Reads::kOnce;
};

}  // namespace pass
