// A model in ATen's operators: any device that LibTorch has, and the oracle of the tests. A forward is planned on the host and
// uploaded once; no operator of it waits for the device, or reads a value from it.
//
// It is not row-invariant: a library's product may choose its kernel by the number of rows.
#pragma once

#include "core/model/backend/backend.h"

namespace pass {

class AtenBackend : public Backend {
 public:
  explicit AtenBackend(const at::TensorOptions& options) : Backend(options) {}

  std::optional<int64_t> FreeBytes() const override;
  absl::Status CheckShape(const ModelConfig& /*config*/) const override { return absl::OkStatus(); }
  // The compute type alone.
  absl::Status CheckWeights(WeightType type) const override;

  std::unique_ptr<Linear> MakeLinear(const at::Tensor& weight,
                                     std::optional<kernels::QuantizedForm> form) const override;
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
  at::Tensor BestKeys(const at::Tensor& logits, int count, double softcap) const override;
};

}  // namespace pass
