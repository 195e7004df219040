// y = x W^T + b, row-invariant on the CPU: a packed weight for the own kernels (core/kernels/linear.h), or one of 8 or 4 bits
// (quantized_weight.h). On other devices this is at::linear. Immutable; any number of threads may call it, the model uses one.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <utility>

#include "core/kernels/linear.h"
#include "core/model/lookahead/linear_adapter.h"
#include "core/model/quantized_weight.h"

namespace pass {

class Linear {
 public:
  enum class Path : uint8_t { kAten, kOwn };

  Linear() = default;
  // `weight`: [out, in], bf16 or fp32, on its device. `path`: one that the device has.
  explicit Linear(const at::Tensor& weight, kernels::Reads reads = kernels::Reads::kOnce)
      : Linear(weight, weight.is_cpu() ? Path::kOwn : Path::kAten, reads) {}
  Linear(const at::Tensor& weight, Path path, kernels::Reads reads = kernels::Reads::kOnce);
  explicit Linear(QuantizedWeight weight)
      : quantized_(std::move(weight)), out_features_(quantized_->out()), path_(Path::kOwn) {}
  // With a bias, fp32 [out]; undefined: none.
  Linear(const at::Tensor& weight, const at::Tensor& bias) : Linear(Linear(weight), bias) {}
  Linear(Linear linear, const at::Tensor& bias) : Linear(std::move(linear)) { bias_ = bias; }

  // x: [rows, in] contiguous. Returns [rows, out], with what `adapted` adds.
  at::Tensor operator()(const at::Tensor& x, const Adapted& adapted = {}) const;
  // The same without them in fp32, not rounded to the compute type on the own path. Not of a quantised weight.
  at::Tensor ToFloat(const at::Tensor& x) const;

  // x as the kernels take it.
  struct Inputs {
    at::Tensor x;
    at::Tensor rounded;  // for a quantised weight
  };
  Inputs Prepare(const at::Tensor& x) const;
  // The product for outputs [begin, end) alone, into y [rows, out], by one thread: for callers that go on with them. Only of
  // Path::kOwn; `begin` is a multiple of kernels::kLinearBlock, and `end` too or the last.
  void MultiplyOnThisThread(const Inputs& inputs, const Adapted& adapted, const at::Tensor& y, int64_t begin,
                            int64_t end) const;

  Path path() const { return path_; }

  // The formulation by ATen, on the plain weight: test oracle and path of other devices.
  static at::Tensor Aten(const at::Tensor& x, const at::Tensor& weight);

 private:
  template <typename T>
  kernels::LinearData<T> DataFor(const at::Tensor& x) const;

  at::Tensor weight_;  // as its path wants it; undefined if it is quantised
  std::optional<QuantizedWeight> quantized_;
  at::Tensor bias_;  // fp32 [out], or undefined
  int64_t out_features_ = 0;
  Path path_ = Path::kAten;
  kernels::Reads reads_ = kernels::Reads::kOnce;
};

}  // namespace pass
