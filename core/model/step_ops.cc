#include "core/model/step_ops.h"

#include <algorithm>

#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/aten_ops.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

using kernels::Bf16;

constexpr int64_t kRowsPerThread = 8;      // fewer are not worth waking a second thread
constexpr int64_t kGatesPerThread = 4096;  // nor are fewer of these

template <typename T>
T* Data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

template <typename T>
void AttentionOnCpu(const kernels::AttentionData<T>& data) {
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

void AddRmsNorm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double epsilon,
                at::Tensor& out, double multiplier) {
  if (!residual.is_cpu()) return aten::AddRmsNorm(residual, delta, weight, epsilon, out, multiplier);
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

void NormSegments(at::Tensor& x, int64_t first, int64_t segments, const at::Tensor& weight, double epsilon) {
  if (!x.is_cpu()) return aten::NormSegments(x, first, segments, weight, epsilon);
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

void RopeSplit(const at::Tensor& qkv, const RopeTables& tables, const at::Tensor& positions,
               const HeadShape& shape, at::Tensor& query, at::Tensor& keys, at::Tensor& values) {
  if (!qkv.is_cpu()) return aten::RopeSplit(qkv, tables, positions, shape, query, keys, values);
  const auto table = [](const at::Tensor& tensor) {
    return tensor.defined() ? Data<float>(tensor) : nullptr;
  };
  ForComputeType(qkv, [&]<typename T>(T*) {
    const kernels::RopeData<T> data{
        .qkv = Data<T>(qkv),
        .cos = table(tables.cos),
        .sin = table(tables.sin),
        .positions = Data<int32_t>(positions),
        .heads = shape.heads,
        .kv_heads = shape.kv_heads,
        .head_dim = shape.head_dim,
        .rotary_dim = tables.cos.defined() ? static_cast<int>(2 * tables.cos.size(1)) : 0,
        .scale = static_cast<float>(shape.score_scale()),
        .position_scales = table(tables.query_scales),
        .query = Data<float>(query),
        .keys = Data<T>(keys),
        .values = Data<T>(values)};
    ParallelFor(0, qkv.size(0), kRowsPerThread,
                [&](int64_t begin, int64_t end) { kernels::ForThisCpu<T>().rope_split(data, begin, end); });
  });
}

void Attention(const AttentionPlan& plan, const HeadShape& shape, int32_t window, const at::Tensor& query,
               const at::Tensor& row_keys, const at::Tensor& row_values, const at::Tensor& page_keys,
               const at::Tensor& page_values, at::Tensor& out) {
  if (!query.is_cpu())
    return aten::Attention(plan, shape, window, query, row_keys, row_values, page_keys, page_values, out);
  ForComputeType(out, [&]<typename T>(T*) {
    AttentionOnCpu<T>({.plan = &plan,
                       .num_kv_heads = shape.kv_heads,
                       .group = shape.heads / shape.kv_heads,
                       .head_dim = shape.head_dim,
                       .window = window,
                       .softcap = static_cast<float>(shape.softcap),
                       .query = Data<float>(query),
                       .row_keys = Data<T>(row_keys),
                       .row_values = Data<T>(row_values),
                       .page_keys = Data<T>(page_keys),
                       .page_values = Data<T>(page_values),
                       .out = Data<T>(out)});
  });
}

void Gate(Activation activation, const at::Tensor& gate_up, at::Tensor& out) {
  if (!gate_up.is_cpu()) return aten::Gate(activation, gate_up, out);
  ForComputeType(out, [&]<typename T>(T*) {
    const int64_t rows = out.size(0), width = out.size(1);
    const auto& table = kernels::ForThisCpu<T>();
    const auto gate = activation == Activation::kSilu ? table.swiglu : table.geglu;
    ParallelFor(0, width, std::max<int64_t>(1, kGatesPerThread / rows), [&](int64_t begin, int64_t end) {
      gate(Data<T>(gate_up), rows, width, Data<T>(out), begin, end);
    });
  });
}

}  // namespace pass
