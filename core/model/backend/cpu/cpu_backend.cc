#include "core/model/backend/cpu/cpu_backend.h"

#include <ATen/ops/tensor.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/kernels/kernels.h"
#include "core/model/backend/cpu/cpu_draft_head.h"
#include "core/model/backend/cpu/cpu_kv_store.h"
#include "core/model/backend/cpu/cpu_linear.h"
#include "core/model/backend/cpu/cpu_plan.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

AttentionPlan PlanOf(std::span<const StepRow> rows) {
  std::vector<AttentionRow> attention_rows;
  attention_rows.reserve(rows.size());
  for (const StepRow& row : rows) attention_rows.push_back(row.attention);
  // Few rows: an even number of small tasks, so that threads have equal shares. Many: large ones, which read each page less
  // often.
  const auto num_rows = static_cast<int>(rows.size()), num_tasks = 2 * ((num_rows + 7) / 8);
  const int rows_per_task = num_rows <= 16 ? (num_rows + num_tasks - 1) / num_tasks : kMaxTaskRows;
  return PlanAttention(attention_rows, rows_per_task);
}

}  // namespace

absl::Status CpuBackend::CheckShape(const ModelConfig& config) const {
  // Limits of the kernels (core/kernels/kernels.cc): heads of one group share a state array, heads are cut into 16 lanes.
  if (const int queries = config.num_heads / config.num_kv_heads; queries > 32) {
    return absl::InvalidArgumentError(
        absl::StrCat(queries, " query heads share a key-value head, at most 32 may; use another model"));
  }
  if (config.head_dim % 16 != 0) {
    return absl::InvalidArgumentError(absl::StrCat("the width of a head is ", config.head_dim,
                                                   ", only a multiple of 16 is served; use another model"));
  }
  return absl::OkStatus();
}

std::unique_ptr<Linear> CpuBackend::MakeLinear(const at::Tensor& weight,
                                               std::optional<kernels::QuantizedForm> form) const {
  if (!form.has_value() && weight.scalar_type() == at::kBFloat16 &&
      kernels::MultipliesFasterInWholeNumbers()) {
    form = kernels::QuantizedForm::k16;
  }
  if (form.has_value()) return std::make_unique<CpuLinear>(QuantizedWeight(weight, *form));
  return std::make_unique<CpuLinear>(weight);
}

std::unique_ptr<Linear> CpuBackend::MakeStoredLinear(std::span<const StoredRows> matrices, int64_t in) const {
  std::optional<QuantizedWeight> weight = QuantizedWeight::FromStored(matrices, in);
  return weight.has_value() ? std::make_unique<CpuLinear>(*std::move(weight)) : nullptr;
}

std::unique_ptr<DraftHead> CpuBackend::MakeDraftHead(const LookaheadHead& head, const at::Tensor& embedding,
                                                     const at::Tensor& lm_head) const {
  return std::make_unique<CpuDraftHead>(head, embedding, lm_head);
}

std::unique_ptr<KvStore> CpuBackend::MakeKvStore(const ModelConfig& config, int64_t pages,
                                                 int max_rows) const {
  return std::make_unique<CpuKvStore>(config, options(), pages, max_rows);
}

std::unique_ptr<ForwardPlan> CpuBackend::Plan(std::span<const StepRow> rows) const {
  auto plan = std::make_unique<CpuPlan>();
  std::vector<int32_t> positions;
  std::vector<int64_t> adapted, wanted;
  for (size_t i = 0; i < rows.size(); ++i) {
    positions.push_back(rows[i].attention.position);
    if (rows[i].lookahead > 0) adapted.push_back(static_cast<int64_t>(i));
    if (rows[i].wanted) wanted.push_back(static_cast<int64_t>(i));
  }
  plan->positions = at::tensor(positions, at::kInt);
  plan->adapted = at::tensor(adapted, at::kLong);
  plan->wanted = at::tensor(wanted, at::kLong);
  plan->rows.assign(rows.begin(), rows.end());
  plan->attention = PlanOf(rows);
  return plan;
}

void CpuBackend::Embed(const ForwardPlan& plan, const at::Tensor& embedding, double multiplier,
                       const at::Tensor& lookahead, at::Tensor& residual) const {
  const int64_t width = residual.size(1);
  auto* to = residual.data_ptr<float>();
  ForComputeType(embedding, [&]<typename T>(T*) {
    const auto* table = static_cast<const T*>(embedding.data_ptr());
    for (const StepRow& row : CpuPlan::Of(plan).rows) {
      if (row.lookahead > 0) {
        std::copy_n(lookahead.data_ptr<float>() + (row.lookahead - 1) * width, width, to);
      } else {
        kernels::ForThisCpu<T>().widen(table + row.token * width, to, width);
        if (multiplier != 1.0) {
          std::transform(to, to + width, to, [m = static_cast<float>(multiplier)](float x) { return x * m; });
        }
      }
      to += width;
    }
  });
}

}  // namespace pass
