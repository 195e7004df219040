#include "core/model/backend/cpu/cpu_linear.h"

#include <ATen/ops/empty.h>

#include <algorithm>

#include "core/base/check.h"
#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/cpu/weight_memory.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

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

constexpr int64_t kRowsPerThread = 8;  // fewer are not worth waking a second thread

// x in fp32, if the linears of this CPU compute with that and x is something else.
at::Tensor WidenInputs(const at::Tensor& x) {
  at::Tensor wide;
  ForComputeType(x, [&]<typename T>(T*) {
    const auto& table = kernels::ForThisCpu<T>();
    if (!table.wide_inputs) return;
    wide = at::empty(x.sizes(), x.options().dtype(at::kFloat));
    const int64_t width = x.size(1);
    ParallelFor(0, x.size(0), kRowsPerThread, [&](int64_t begin, int64_t end) {
      table.widen(Data<T>(x) + begin * width, Data<float>(wide) + begin * width, (end - begin) * width);
    });
  });
  return wide;
}

int64_t FirstBlock(int64_t begin) { return begin / kernels::kLinearBlock; }

}  // namespace

CpuLinear::CpuLinear(const at::Tensor& weight, kernels::Reads reads)
    : packed_(Pack(weight)), out_(weight.size(0)), reads_(reads) {
  PASS_CHECK(weight.dim() == 2);
}

at::Tensor CpuLinear::Multiply(const at::Tensor& x, const at::Tensor& adapted) const {
  at::Tensor y = at::empty({x.size(0), out_}, x.options());
  const Inputs inputs = Prepare(x, adapted);
  ForBlocks(out_, [&](int64_t begin, int64_t end) { MultiplyOnThisThread(inputs, y, begin, end); });
  return y;
}

void CpuLinear::MultiplyGated(const at::Tensor& x, const at::Tensor& adapted, Activation activation,
                              at::Tensor& out) const {
  const int64_t rows = out.size(0), width = out.size(1);
  ForComputeType(x, [&]<typename T>(T*) {
    const auto& table = kernels::ForThisCpu<T>();
    const auto gate = activation == Activation::kSilu ? table.swiglu : table.geglu;
    if (width % kernels::kLinearBlock != 0) {  // the halves share a block
      const at::Tensor gate_up = Multiply(x, adapted);
      return gate(Data<T>(gate_up), rows, width, Data<T>(out), 0, width);
    }
    const at::Tensor gate_up = at::empty({rows, 2 * width}, x.options());
    const Inputs inputs = Prepare(x, adapted);
    ForBlocks(width, [&](int64_t begin, int64_t end) {
      MultiplyOnThisThread(inputs, gate_up, begin, end);
      MultiplyOnThisThread(inputs, gate_up, width + begin, width + end);
      gate(Data<T>(gate_up), rows, width, Data<T>(out), begin, end);
    });
  });
}

at::Tensor CpuLinear::ToFloat(const at::Tensor& x) const {
  PASS_CHECK(!quantized_.has_value());
  at::Tensor y = at::empty({x.size(0), out_}, x.options().dtype(at::kFloat));
  const Inputs inputs = Prepare(x, /*adapted=*/{});
  ForComputeType(x, [&]<typename T>(T*) {
    const kernels::LinearData<T> data = DataFor<T>(inputs);
    ForBlocks(out_, [&](int64_t begin, int64_t end) {
      kernels::ForThisCpu<T>().multiply_to_float(data, Data<float>(y), FirstBlock(begin),
                                                 kernels::LinearBlocks(end));
    });
  });
  return y;
}

template <typename T>
kernels::LinearData<T> CpuLinear::DataFor(const Inputs& inputs) const {
  return {.x = Data<T>(inputs.x),
          .rows = inputs.x.size(0),
          .packed = Data<T>(packed_),
          .out = out_,
          .in = inputs.x.size(1),
          .reads = reads_,
          .wide = inputs.wide.defined() ? Data<float>(inputs.wide) : nullptr};
}

CpuLinear::Inputs CpuLinear::Prepare(const at::Tensor& x, const at::Tensor& adapted) const {
  Inputs inputs{.x = x, .rounded = {}, .wide = {}, .adapted = {}};
  if (quantized_.has_value()) {
    inputs.rounded = quantized_->RoundInputs(x);
  } else {
    inputs.wide = WidenInputs(x);
  }
  if (adapter_.has_value() && adapted.defined()) {
    inputs.adapted = {Data<int64_t>(adapted), static_cast<size_t>(adapted.numel())};
  }
  return inputs;
}

void CpuLinear::MultiplyOnThisThread(const Inputs& inputs, const at::Tensor& y, int64_t begin,
                                     int64_t end) const {
  const at::Tensor& x = inputs.x;
  ForComputeType(x, [&]<typename T>(T*) {
    if (quantized_.has_value()) {
      quantized_->Multiply(inputs.rounded, y, begin, end);
    } else {
      kernels::ForThisCpu<T>().multiply(DataFor<T>(inputs), Data<T>(y), FirstBlock(begin),
                                        kernels::LinearBlocks(end));
    }
    if (!bias_.defined()) return;
    kernels::ForThisCpu<T>().add_bias(Data<T>(y), Data<float>(bias_), x.size(0), out_, begin, end);
  });
  if (!inputs.adapted.empty()) adapter_->AddOnThisThread(x, inputs.adapted, y, begin, end);
}

}  // namespace pass
