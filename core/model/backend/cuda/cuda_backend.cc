#include "core/model/backend/cuda/cuda_backend.h"

#include <ATen/ops/cat.h>
#include <c10/core/DeviceGuard.h>

#include <utility>
#include <vector>

#include "core/model/backend/cpu/cpu_draft_head.h"
#include "core/model/backend/cuda/cuda_kv_store.h"

namespace pass {
namespace {

at::Tensor Joined(const std::vector<at::Tensor>& parts) {
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

}  // namespace

std::unique_ptr<DraftHead> CudaBackend::MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                                      const at::Tensor& lm_head) const {
  const at::Tensor on_host = embedding.to(at::kCPU);
  return std::make_unique<CpuDraftHead>(head, on_host,
                                        lm_head.is_same(embedding) ? on_host : lm_head.to(at::kCPU));
}

std::unique_ptr<KvStore> CudaBackend::MakeKvStore(const ModelConfig& config, int64_t pages,
                                                  int max_rows) const {
  return std::make_unique<CudaKvStore>(config, options(), pages, max_rows, own_slots_);
}

std::unique_ptr<ForwardPlan> CudaBackend::Plan(std::span<const StepRow> rows) const {
  auto plan = std::make_unique<SlicedPlan>(rows);
  *own_slots_ = plan->own_slots;
  return plan;
}

StepOutputs CudaBackend::Run(const ForwardPlan& plan, const Step& step) {
  const c10::DeviceGuard guard(options().device());
  const SlicedPlan& sliced = SlicedPlan::Of(plan);
  std::vector<at::Tensor> states, logits, best;
  for (size_t i = 0; i < sliced.slices.size(); ++i) {
    StepOutputs outputs = steps_.Run(sliced.slices[i], sliced.packed[static_cast<int64_t>(i)], step);
    if (!outputs.states.defined()) continue;
    states.push_back(std::move(outputs.states));
    logits.push_back(std::move(outputs.logits));
    best.push_back(std::move(outputs.best));
  }
  if (states.empty()) return {};
  return {.states = Joined(states), .logits = Joined(logits), .best = Joined(best)};
}

}  // namespace pass
