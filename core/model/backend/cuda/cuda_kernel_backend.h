// The cuda backend with kernels of this project's own (kernels/cuda_kernels.h), in bf16. A shape that a kernel does not take is
// left to ATen's operators, which are also the oracle of the tests.
#pragma once

#include <functional>
#include <memory>

#include "core/model/backend/cuda/cuda_backend.h"
#include "core/model/backend/cuda/kernels/cuda_kernels.h"

namespace pass {

// Kernels, and the stream that they are to run on now.
struct KernelTarget {
  const cuda::Kernels* kernels = nullptr;  // nullptr: there are none
  std::function<void*()> stream;
};

class CudaKernelBackend final : public CudaBackend {
 public:
  CudaKernelBackend(const at::TensorOptions& options, std::unique_ptr<GraphRecorder> recorder,
                    KernelTarget target)
      : CudaBackend(options, std::move(recorder)), target_(std::move(target)) {}

  std::unique_ptr<Linear> MakeLinear(const at::Tensor& weight,
                                     std::optional<kernels::QuantizedForm> form) const override;

  void Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
             const at::Tensor& lookahead, at::Tensor& residual) const override;
  void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                  at::Tensor& out, double multiplier) const override;
  void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                    double epsilon) const override;
  void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                 const HeadShape& shape, at::Tensor& query, KvLayer& layer) const override;
  void ProjectHeads(const Linear& qkv, const at::Tensor& x, const RopeTables& tables, const ForwardPlan& plan,
                    const HeadShape& shape, at::Tensor& query, KvLayer& layer) const override;
  void Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
                 const KvLayer& layer, at::Tensor& out) const override;
  at::Tensor BestKeys(const at::Tensor& logits, int count, double softcap) const override;

 private:
  KernelTarget target_;
};

}  // namespace pass
