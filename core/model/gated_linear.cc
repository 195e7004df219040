#include "core/model/gated_linear.h"

#include <ATen/ops/empty.h>

#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/compute_type.h"
#include "core/model/step_ops.h"

namespace pass {

void GatedLinear::operator()(const at::Tensor& x, const Adapted& adapted, at::Tensor& out) const {
  const int64_t rows = out.size(0), width = out.size(1);
  if (linear_.path() != Linear::Path::kOwn || width % kernels::kLinearBlock != 0) {
    return Gate(activation_, linear_(x, adapted), out);
  }
  const at::Tensor gate_up = at::empty({rows, 2 * width}, x.options());
  const Linear::Inputs inputs = linear_.Prepare(x);
  ForComputeType(x, [&]<typename T>(T*) {
    const auto& table = kernels::ForThisCpu<T>();
    const auto gate = activation_ == Activation::kSilu ? table.swiglu : table.geglu;
    ParallelFor(0, kernels::LinearBlocks(width), /*grain=*/1, [&](int64_t first, int64_t last) {
      const int64_t begin = first * kernels::kLinearBlock, end = last * kernels::kLinearBlock;
      linear_.MultiplyOnThisThread(inputs, adapted, gate_up, begin, end);
      linear_.MultiplyOnThisThread(inputs, adapted, gate_up, width + begin, width + end);
      gate(static_cast<const T*>(gate_up.data_ptr()), rows, width, static_cast<T*>(out.data_ptr()), begin,
           end);
    });
  });
}

}  // namespace pass
