// A linear of the cuda backend's own kernel, for slices of kSliceRows rows. `adapted`: bool [rows, 1].
#pragma once

#include "core/model/backend/cuda/cuda_kernel_backend.h"
#include "core/model/backend/linear.h"

namespace pass {

// The 16 bits of each number.
inline uint16_t* Bf16Bits(const at::Tensor& tensor) { return static_cast<uint16_t*>(tensor.data_ptr()); }

class CudaKernelLinear final : public Linear {
 public:
  // Whether its widths are those of the kernel.
  static bool Takes(const at::Tensor& weight);

  // `weight`: bf16 [out, in] on the device; kept.
  CudaKernelLinear(const at::Tensor& weight, KernelTarget target);

  void SetBias(const at::Tensor& bias) override { bias_ = bias; }
  void Adapt(const LowRank& adapter) override;

  at::Tensor Multiply(const at::Tensor& x, const at::Tensor& adapted = {}) const override;
  void MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                     at::Tensor& out) const override;

  // Without a gate and an output.
  cuda::LinearCall Call(const at::Tensor& x, const at::Tensor& adapted) const;

 private:
  at::Tensor weight_, bias_;
  at::Tensor a_, b_;  // of the adapter, filled up with zeros to a rank that the kernel takes; or undefined
  KernelTarget target_;
};

}  // namespace pass
