#include "core/model/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/base/check.h"

namespace pass {
namespace {

constexpr int64_t kMaxSliceRows = 64;
constexpr int64_t kBatchSizeHint = 8;  // rows of a typical decoding step: what the weight's layout is chosen for

at::Tensor Reorder(const at::Tensor& weight) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("mkldnn::_reorder_linear_weight", "")
                             .typed<at::Tensor(const at::Tensor&, std::optional<c10::SymInt>)>();
  return op.call(weight, c10::SymInt(kBatchSizeHint));
}

at::Tensor Multiply(const at::Tensor& x, const at::Tensor& reordered) {
  static const auto op =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&, std::string_view,
                            c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>)>();
  return op.call(x, reordered, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
}

}  // namespace

bool CpuHasBf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

Linear::Linear(at::Tensor weight) : out_features_(weight.size(0)) {
  PASS_CHECK(weight.dim() == 2);
  prepacked_ = weight.is_cpu() && (weight.scalar_type() == at::kFloat || CpuHasBf16());
  weight_ = prepacked_ ? Reorder(weight) : std::move(weight);
}

at::Tensor Linear::operator()(const at::Tensor& x) const {
  if (!prepacked_) return Aten(x, weight_);
  const int64_t rows = x.size(0);
  PASS_CHECK(rows >= 2);
  if (rows <= kMaxSliceRows) return Multiply(x, weight_);
  at::Tensor out = at::empty({rows, out_features_}, x.options());
  for (int64_t start = 0; start < rows;) {
    int64_t slice = std::min(kMaxSliceRows, rows - start);
    if (rows - start - slice == 1) --slice;  // the last slice must not be a single row
    out.narrow(0, start, slice).copy_(Multiply(x.narrow(0, start, slice), weight_));
    start += slice;
  }
  return out;
}

at::Tensor Linear::Aten(const at::Tensor& x, const at::Tensor& weight) { return at::linear(x, weight); }

at::Tensor AtLeastTwoRows(const at::Tensor& x) {
  if (x.size(0) >= 2) return x;
  return at::cat({x, at::zeros({2 - x.size(0), x.size(1)}, x.options())});
}

}  // namespace pass
