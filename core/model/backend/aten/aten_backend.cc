#include "core/model/backend/aten/aten_backend.h"

#include <c10/core/CachingDeviceAllocator.h>

#include "absl/strings/str_cat.h"
#include "core/model/backend/aten/aten_draft_head.h"
#include "core/model/backend/aten/aten_kv_store.h"
#include "core/model/backend/aten/aten_linear.h"
#include "core/model/backend/aten/aten_plan.h"
#include "core/model/backend/best_tokens.h"

namespace pass {

std::optional<int64_t> AtenBackend::FreeBytes() const {
  const at::Device device = options().device();
  if (device.is_cpu()) return std::nullopt;
  at::DeviceAllocator* allocator = at::getDeviceAllocator(device.type());
  allocator->emptyCache();  // what loading took and gave back
  return static_cast<int64_t>(allocator->getMemoryInfo(device.has_index() ? device.index() : 0).first);
}

absl::Status AtenBackend::CheckWeights(WeightType type) const {
  if (type == WeightType::kComputeType) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--weights is for --device cpu alone; leave it out with --device ", options().device().str()));
}

std::unique_ptr<Linear> AtenBackend::MakeLinear(const at::Tensor& weight,
                                                std::optional<kernels::QuantizedForm> /*form*/) const {
  return std::make_unique<AtenLinear>(weight);
}

std::unique_ptr<DraftHead> AtenBackend::MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                                      const at::Tensor& lm_head) const {
  return std::make_unique<AtenDraftHead>(head, embedding, lm_head);
}

std::unique_ptr<KvStore> AtenBackend::MakeKvStore(const ModelConfig& config, int64_t pages,
                                                  int max_rows) const {
  return std::make_unique<AtenKvStore>(config, options(), pages, max_rows);
}

std::unique_ptr<ForwardPlan> AtenBackend::Plan(std::span<const StepRow> rows) const {
  return std::make_unique<AtenPlan>(rows, options().device());
}

at::Tensor AtenBackend::BestKeys(const at::Tensor& logits, int count, double softcap) const {
  return pass::BestKeys(logits, count, softcap);
}

}  // namespace pass
