// The operators of a layer on the CPU.
#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/cpu/attention.h"
#include "core/model/backend/cpu/cpu_backend.h"
#include "core/model/backend/cpu/cpu_plan.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

constexpr int64_t kRowsPerThread = 8;  // fewer are not worth waking a second thread

}  // namespace

void CpuBackend::AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                            double epsilon, at::Tensor& out, double multiplier) const {
  ForComputeType(out, [&]<typename T>(T*) {
    const T* added = delta.defined() ? Data<T>(delta) : nullptr;
    const float* scale = weight.defined() ? Data<float>(weight) : nullptr;
    ParallelFor(0, residual.size(0), kRowsPerThread, [&](int64_t begin, int64_t end) {
      kernels::ForThisCpu<T>().add_rms_norm(Data<float>(residual), added, static_cast<float>(multiplier),
                                            scale, static_cast<float>(epsilon), residual.size(1),
                                            Data<T>(out), begin, end);
    });
  });
}

void CpuBackend::NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight,
                              double epsilon) const {
  ForComputeType(x, [&]<typename T>(T*) {
    const kernels::NormData<T> data{.x = Data<T>(x),
                                    .stride = x.size(1),
                                    .first = first,
                                    .segments = segments,
                                    .width = weight.size(0),
                                    .weight = Data<float>(weight),
                                    .epsilon = static_cast<float>(epsilon)};
    ParallelFor(0, x.size(0), kRowsPerThread, [&](int64_t begin, int64_t end) {
      kernels::ForThisCpu<T>().norm_segments(data, begin, end);
    });
  });
}

void CpuBackend::RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const ForwardPlan& plan,
                           const HeadShape& shape, at::Tensor& query, KvLayer& layer) const {
  const auto table = [](const at::Tensor& tensor) {
    return tensor.defined() ? Data<float>(tensor) : nullptr;
  };
  ForComputeType(qkv, [&]<typename T>(T*) {
    const kernels::RopeData<T> data{
        .qkv = Data<T>(qkv),
        .cos = table(tables.cos),
        .sin = table(tables.sin),
        .positions = Data<int32_t>(plan.positions),
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .head_dim = shape.head_dim,
        .rotary_dim = tables.cos.defined() ? static_cast<int>(2 * tables.cos.size(1)) : 0,
        .scale = static_cast<float>(shape.score_scale()),
        .position_scales = table(tables.query_scales),
        .query = Data<float>(query),
        .keys = Data<T>(layer.row_keys),
        .values = Data<T>(layer.row_values)};
    ParallelFor(0, qkv.size(0), kRowsPerThread,
                [&](int64_t begin, int64_t end) { kernels::ForThisCpu<T>().rope_split(data, begin, end); });
  });
}

void CpuBackend::Attention(const ForwardPlan& plan, const HeadShape& shape, int32_t window,
                           const at::Tensor& query, const KvLayer& layer, at::Tensor& out) const {
  AttendOnCpu(CpuPlan::Of(plan).attention, shape, window, query, layer, out);
}

}  // namespace pass
