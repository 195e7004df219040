#include "core/model/backend/cpu/attention.h"

#include <vector>

#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

template <typename T>
void Attend(const kernels::AttentionData<T>& data) {
  const auto& tasks = data.plan->tasks;
  const int64_t count = static_cast<int64_t>(tasks.size()) * data.num_kv_heads;
  ParallelFor(0, count, /*grain=*/1, [&](int64_t begin, int64_t end) {
    thread_local std::vector<float> scratch;
    scratch.resize(kernels::AttentionScratchFloats(data.group, data.head_dim));
    for (int64_t i = begin; i < end; ++i) {
      const auto num_tasks = static_cast<int64_t>(tasks.size());  // a thread's share holds tasks of all sizes
      kernels::ForThisCpu<T>().attention(data, tasks[i % num_tasks], static_cast<int>(i / num_tasks),
                                         scratch.data());
    }
  });
}

}  // namespace

void AttendOnCpu(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
                 const KvLayer& layer, at::Tensor& out) {
  ForComputeType(out, [&]<typename T>(T*) {
    Attend<T>({.plan = &plan,
               .num_kv_heads = shape.kv_heads,
               .group = shape.heads / shape.kv_heads,
               .head_dim = shape.head_dim,
               .window = window,
               .softcap = static_cast<float>(shape.softcap),
               .query = Data<float>(query),
               .row_keys = Data<T>(layer.row_keys),
               .row_values = Data<T>(layer.row_values),
               .page_keys = Data<T>(layer.page_keys),
               .page_values = Data<T>(layer.page_values),
               .out = Data<T>(out)});
  });
}

}  // namespace pass
