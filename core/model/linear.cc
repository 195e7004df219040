#include "core/model/linear.h"

#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/kernels/bf16_linear.h"

namespace pass {
namespace {

constexpr int64_t kMaxSliceRows = 64;
constexpr int64_t kBatchSizeHint =
    8;  // rows of a typical decoding step: what the weight's layout is chosen for

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
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            std::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<std::string_view>)>();
  return op.call(x, reordered, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), "");
}

using kernels::Bf16;

at::Tensor Pack(const at::Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  at::Tensor packed = at::empty({kernels::LinearBlocks(out) * kernels::kLinearBlock, in}, weight.options());
  kernels::PackLinear(static_cast<const Bf16*>(weight.contiguous().data_ptr()), out, in,
                      static_cast<Bf16*>(packed.data_ptr()));
  return packed;
}

// f(begin, end) for outputs in whole blocks, by all threads.
template <typename F>
void ForBlocks(int64_t out, F f) {
  at::parallel_for(0, kernels::LinearBlocks(out), /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    f(begin * kernels::kLinearBlock, std::min(end * kernels::kLinearBlock, out));
  });
}

}  // namespace

bool OneDnnMultipliesBf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

Linear::Path Linear::BestPath(const at::Tensor& weight) {
  if (!weight.is_cpu()) return Path::kAten;
  if (weight.scalar_type() == at::kFloat) return Path::kOneDnn;
  if (kernels::CpuHasAvx512Bf16() && weight.size(1) % 2 == 0) return Path::kOwn;
  return OneDnnMultipliesBf16() ? Path::kOneDnn : Path::kAten;
}

Linear::Linear(const at::Tensor& weight, Path path, kernels::Reads reads)
    : out_features_(weight.size(0)), path_(path), reads_(reads) {
  PASS_CHECK(weight.dim() == 2);
  switch (path_) {
    case Path::kAten:
      weight_ = weight;
      break;
    case Path::kOneDnn:
      weight_ = Reorder(weight);
      break;
    case Path::kOwn:
      weight_ = Pack(weight);
      break;
  }
}

at::Tensor Linear::operator()(const at::Tensor& x, const Adapted& adapted) const {
  if (path_ == Path::kOwn) {
    at::Tensor y = at::empty({x.size(0), out_features_}, x.options());
    ForBlocks(out_features_,
              [&](int64_t begin, int64_t end) { MultiplyOnThisThread(x, adapted, y, begin, end); });
    return y;
  }
  at::Tensor y = path_ == Path::kAten ? Aten(x, weight_) : OneDnn(x);
  if (adapted.adapter != nullptr) adapted.adapter->Add(x, adapted.rows, y);
  return y;
}

at::Tensor Linear::ToFloat(const at::Tensor& x) const {
  if (path_ != Path::kOwn) return (*this)(x).to(at::kFloat);
  at::Tensor y = at::empty({x.size(0), out_features_}, x.options().dtype(at::kFloat));
  ForBlocks(out_features_, [&](int64_t begin, int64_t end) { MultiplyRange<float>(x, y, begin, end); });
  return y;
}

template <typename Out>
void Linear::MultiplyRange(const at::Tensor& x, const at::Tensor& y, int64_t begin, int64_t end) const {
  kernels::MultiplyBlocks(static_cast<const Bf16*>(x.data_ptr()), x.size(0),
                          static_cast<const Bf16*>(weight_.data_ptr()), out_features_, x.size(1),
                          static_cast<Out*>(y.data_ptr()), begin / kernels::kLinearBlock,
                          kernels::LinearBlocks(end), reads_);
}

void Linear::MultiplyOnThisThread(const at::Tensor& x, const Adapted& adapted, const at::Tensor& y,
                                  int64_t begin, int64_t end) const {
  MultiplyRange<Bf16>(x, y, begin, end);
  if (adapted.adapter != nullptr) adapted.adapter->AddOnThisThread(x, adapted.rows, y, begin, end);
}

at::Tensor Linear::OneDnn(const at::Tensor& x) const {
  const int64_t rows = x.size(0);
  if (rows == 1) return Multiply(at::cat({x, at::zeros_like(x)}), weight_).narrow(0, 0, 1);
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

}  // namespace pass
