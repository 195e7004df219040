#include "core/model/backend/cuda/cuda_kernel_linear.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>

#include <array>
#include <utility>

#include "core/model/backend/cuda/slices.h"
#include "core/model/backend/to_tensor.h"

namespace pass {

bool CudaKernelLinear::Takes(const at::Tensor& weight) {
  // Whether there is a gate shows when it is called.
  return weight.size(1) % cuda::kInStep == 0 && weight.size(0) % (2 * cuda::kOutStep) == 0;
}

CudaKernelLinear::CudaKernelLinear(const at::Tensor& weight, KernelTarget target)
    : weight_(weight.contiguous()), target_(std::move(target)) {}

void CudaKernelLinear::Adapt(const LowRank& adapter) {
  const int64_t rank = adapter.a.rows, lacking = (cuda::kRankStep - rank % cuda::kRankStep) % cuda::kRankStep;
  TORCH_CHECK(rank + lacking <= cuda::kMostRank, "an adapter of rank ", rank, ": on a GPU at most ",
              cuda::kMostRank);
  a_ = at::constant_pad_nd(ToTensor(adapter.a, weight_.options()), {0, 0, 0, lacking}).contiguous();
  b_ = at::constant_pad_nd(ToTensor(adapter.b, weight_.options()), {0, lacking}).contiguous();
}

cuda::LinearCall CudaKernelLinear::Call(const at::Tensor& x, const at::Tensor& adapted) const {
  TORCH_CHECK(x.size(0) == kSliceRows, "a product of ", x.size(0), " rows");
  const bool adapts = a_.defined() && adapted.defined();
  return {.x = Bf16Bits(x),
          .weight = Bf16Bits(weight_),
          .bias = bias_.defined() ? bias_.const_data_ptr<float>() : nullptr,
          .adapted = adapts ? adapted.const_data_ptr<bool>() : nullptr,
          .a = adapts ? Bf16Bits(a_) : nullptr,
          .b = adapts ? Bf16Bits(b_) : nullptr,
          .rank = adapts ? static_cast<int>(a_.size(0)) : 0,
          .in = static_cast<int>(weight_.size(1)),
          .out = static_cast<int>(weight_.size(0)),
          .gate = cuda::Gate::kNone,
          .y = nullptr};
}

at::Tensor CudaKernelLinear::Multiply(const at::Tensor& x, const at::Tensor& adapted) const {
  at::Tensor y = at::empty({x.size(0), weight_.size(0)}, x.options());
  cuda::LinearCall call = Call(x, adapted);
  call.y = Bf16Bits(y);
  target_.kernels->linear(call, target_.stream());
  return y;
}

void CudaKernelLinear::MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                                     at::Tensor& out) const {
  cuda::LinearCall call = Call(x, adapted);
  call.gate = activation == Activation::kSilu ? cuda::Gate::kSilu : cuda::Gate::kGeluTanh;
  call.y = Bf16Bits(out);
  target_.kernels->linear(call, target_.stream());
}

}  // namespace pass
