// The CPU with own kernels (core/kernels). Row-invariant: the value of a row does not depend on its neighbours.
#pragma once

#include "core/model/backend/backend.h"

namespace pass {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(const at::TensorOptions& options) : Backend(options) {}

  absl::Status CheckShape(const ModelConfig& config) const override;
  absl::Status CheckWeights(WeightType /*type*/) const override { return absl::OkStatus(); }

  std::unique_ptr<Linear> MakeLinear(const at::Tensor& weight,
                                     std::optional<kernels::QuantizedForm> form) const override;
  std::unique_ptr<Linear> MakeStoredLinear(std::span<const StoredRows> matrices, int64_t in) const override;
  std::unique_ptr<DraftHead> MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                           const at::Tensor& lm_head) const override;
  std::unique_ptr<KvStore> MakeKvStore(const ModelConfig& config, int64_t pages, int max_rows) const override;

  std::unique_ptr<ForwardPlan> Plan(std::span<const StepRow> rows) const override;

  void Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
             const at::Tensor& lookahead, at::Tensor& residual) const override;
  void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                  at::Tensor& out, double multiplier) const override;
  void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                    double epsilon) const override;
  void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                 const HeadShape& shape, at::Tensor& query, KvLayer& layer) const override;
  void Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
                 const KvLayer& layer, at::Tensor& out) const override;
};

}  // namespace pass
