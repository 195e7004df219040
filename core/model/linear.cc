#include "core/model/linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/compute_type.h"
#include "core/model/weight_memory.h"

namespace pass {
namespace {

template <typename T>
T* Data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

at::Tensor Pack(const at::Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1), blocks = kernels::LinearBlocks(out);
  const at::Tensor plain = weight.contiguous();
  at::Tensor packed;
  ForComputeType(weight, [&]<typename T>(T*) {
    packed = EmptyWeights({blocks, kernels::PackedBlock<T>(in)}, weight.options());
    ParallelFor(0, blocks, /*grain=*/8, [&](int64_t begin, int64_t end) {
      kernels::PackLinear(Data<T>(plain), out, in, Data<T>(packed), begin, end);
    });
  });
  return packed;
}

// f(begin, end) for outputs in whole blocks, by all threads.
template <typename F>
void ForBlocks(int64_t out, F f) {
  ParallelFor(0, kernels::LinearBlocks(out), /*grain=*/1, [&](int64_t begin, int64_t end) {
    f(begin * kernels::kLinearBlock, std::min(end * kernels::kLinearBlock, out));
  });
}

int64_t FirstBlock(int64_t begin) { return begin / kernels::kLinearBlock; }

}  // namespace

Linear::Linear(const at::Tensor& weight, Path path, kernels::Reads reads)
    : out_features_(weight.size(0)), path_(path), reads_(reads) {
  PASS_CHECK(weight.dim() == 2);
  weight_ = path_ == Path::kOwn ? Pack(weight) : weight;
}

at::Tensor Linear::operator()(const at::Tensor& x, const Adapted& adapted) const {
  if (path_ == Path::kOwn) {
    at::Tensor y = at::empty({x.size(0), out_features_}, x.options());
    const Inputs inputs = Prepare(x);
    ForBlocks(out_features_,
              [&](int64_t begin, int64_t end) { MultiplyOnThisThread(inputs, adapted, y, begin, end); });
    return y;
  }
  at::Tensor y = Aten(x, weight_);
  if (bias_.defined()) y.add_(bias_);
  if (adapted.adapter != nullptr) adapted.adapter->Add(x, adapted.rows, y);
  return y;
}

at::Tensor Linear::ToFloat(const at::Tensor& x) const {
  PASS_CHECK(!quantized_.has_value());
  if (path_ != Path::kOwn) return Aten(x, weight_).to(at::kFloat);
  at::Tensor y = at::empty({x.size(0), out_features_}, x.options().dtype(at::kFloat));
  ForComputeType(x, [&]<typename T>(T*) {
    const kernels::LinearData<T> data = DataFor<T>(x);
    ForBlocks(out_features_, [&](int64_t begin, int64_t end) {
      kernels::ForThisCpu<T>().multiply_to_float(data, Data<float>(y), FirstBlock(begin),
                                                 kernels::LinearBlocks(end));
    });
  });
  return y;
}

template <typename T>
kernels::LinearData<T> Linear::DataFor(const at::Tensor& x) const {
  return {.x = Data<T>(x),
          .rows = x.size(0),
          .packed = Data<T>(weight_),
          .out = out_features_,
          .in = x.size(1),
          .reads = reads_};
}

Linear::Inputs Linear::Prepare(const at::Tensor& x) const {
  return {.x = x, .rounded = quantized_.has_value() ? quantized_->RoundInputs(x) : at::Tensor()};
}

void Linear::MultiplyOnThisThread(const Inputs& inputs, const Adapted& adapted, const at::Tensor& y,
                                  int64_t begin, int64_t end) const {
  const at::Tensor& x = inputs.x;
  ForComputeType(x, [&]<typename T>(T*) {
    if (quantized_.has_value()) {
      quantized_->Multiply(inputs.rounded, y, begin, end);
    } else {
      kernels::ForThisCpu<T>().multiply(DataFor<T>(x), Data<T>(y), FirstBlock(begin),
                                        kernels::LinearBlocks(end));
    }
    if (!bias_.defined()) return;
    kernels::ForThisCpu<T>().add_bias(Data<T>(y), Data<float>(bias_), x.size(0), out_features_, begin, end);
  });
  if (adapted.adapter != nullptr) adapted.adapter->AddOnThisThread(x, adapted.rows, y, begin, end);
}

at::Tensor Linear::Aten(const at::Tensor& x, const at::Tensor& weight) { return at::linear(x, weight); }

}  // namespace pass
