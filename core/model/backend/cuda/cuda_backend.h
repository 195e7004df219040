// A model on a GPU: ATen's operators at fixed shapes (slices.h), so that a row's bits do not depend on its neighbours, recorded
// as graphs (recorded_steps.h), because a small model's step is bound by the time that launching its operators takes.
//
// Nothing in here is of CUDA alone: with another recorder it runs on any device.
#pragma once

#include <memory>

#include "core/model/backend/aten/aten_backend.h"
#include "core/model/backend/cuda/graph.h"
#include "core/model/backend/cuda/recorded_steps.h"

namespace pass {

class CudaBackend : public AtenBackend {
 public:
  // nullptr: nothing is recorded.
  CudaBackend(const at::TensorOptions& options, std::unique_ptr<GraphRecorder> recorder)
      : AtenBackend(options), steps_(std::move(recorder), options.device()) {}

  // On the host: a draft is a few small products one after the other, which a device would spend starting and answering.
  std::unique_ptr<DraftHead> MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                           const at::Tensor& lm_head) const override;
  std::unique_ptr<KvStore> MakeKvStore(const ModelConfig& config, int64_t pages, int max_rows) const override;

  std::unique_ptr<ForwardPlan> Plan(std::span<const StepRow> rows) const override;
  // Slice after slice: a row's ancestors may be in an earlier one.
  StepOutputs Run(const ForwardPlan& plan, const Step& step) override;
  int64_t least_rows() const override { return kSliceRows; }

  void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                 const HeadShape& shape, at::Tensor& query, KvLayer& layer) const override;
  // Block after block of kBlockPositions.
  void Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
                 const KvLayer& layer, at::Tensor& out) const override;

 private:
  RecordedSteps steps_;
  std::shared_ptr<std::vector<int32_t>> own_slots_ =
      std::make_shared<std::vector<int32_t>>();  // of the last plan
};

}  // namespace pass
