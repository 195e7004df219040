// One layer's attention on the CPU. Row-invariant.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "core/kernels/attention_plan.h"
#include "core/model/backend/attention_shapes.h"
#include "core/model/backend/kv_store.h"

namespace pass {

// As Backend::Attention; the layer's shapes are those of CpuKvStore.
void AttendOnCpu(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
                 const KvLayer& layer, at::Tensor& out);

}  // namespace pass
