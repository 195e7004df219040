#include "core/model/gated_linear.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include "core/kernels/kernels.h"
#include "core/model/step_ops.h"

namespace pass {

void GatedLinear::operator()(const at::Tensor& x, const Adapted& adapted, at::Tensor& out) const {
  using kernels::Bf16;
  const int64_t rows = out.size(0), width = out.size(1);
  if (linear_.path() != Linear::Path::kOwn || width % kernels::kLinearBlock != 0) {
    return SwiGlu(linear_(x, adapted), out);
  }
  const at::Tensor gate_up = at::empty({rows, 2 * width}, x.options());
  at::parallel_for(0, kernels::LinearBlocks(width), /*grain_size=*/1, [&](int64_t first, int64_t last) {
    const int64_t begin = first * kernels::kLinearBlock, end = last * kernels::kLinearBlock;
    linear_.MultiplyOnThisThread(x, adapted, gate_up, begin, end);
    linear_.MultiplyOnThisThread(x, adapted, gate_up, width + begin, width + end);
    kernels::ForThisCpu<Bf16>().swiglu(static_cast<const Bf16*>(gate_up.data_ptr()), rows, width,
                                       static_cast<Bf16*>(out.data_ptr()), begin, end);
  });
}

}  // namespace pass
