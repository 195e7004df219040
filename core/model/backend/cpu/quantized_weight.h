// A linear's weight in 8 or 4 bits, for the own kernels (core/kernels/quantized.h), or several with the same input one behind
// the other, each in its own form. On the CPU. Immutable; any number of threads may use it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/kernels/quantized.h"

namespace pass {

class QuantizedWeight {
 public:
  // Rounds `weight`, [out, in], bf16 or fp32, to k8 or k4Minimum.
  QuantizedWeight(const at::Tensor& weight, kernels::QuantizedForm form);
  // Matrices of `in` columns with the codes and scales of their file. nullopt: one is of a type that no form holds
  // (core/files/block_codes.h), has a scale that binary16 cannot say, or ends within a block of outputs while another follows.
  static std::optional<QuantizedWeight> FromStored(std::span<const StoredRows> matrices, int64_t in);

  int64_t out() const { return out_; }

  // x: [rows, in], contiguous. Its rows as the kernels take them.
  at::Tensor RoundInputs(const at::Tensor& x) const;
  // Outputs [begin, end) of y [rows, out], bf16 or fp32 as x was, by one thread; `begin` is a multiple of
  // kernels::kLinearBlock, and `end` too or the last.
  void Multiply(const at::Tensor& rounded, const at::Tensor& y, int64_t begin, int64_t end) const;

 private:
  struct Part {
    kernels::QuantizedForm form;
    int64_t begin, out;  // outputs
    at::Tensor packed;
  };

  QuantizedWeight() = default;

  int64_t out_ = 0, in_ = 0;
  std::vector<Part> parts_;
};

}  // namespace pass
