// Memory for packed weights. They are read from end to end in every forward, so that they lie in few large pages where the
// operating system lends such: with pages of 4 KiB the processor spends much of its time on finding them.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/ArrayRef.h>

namespace pass {

// An uninitialised tensor on the CPU. Tensors share chunks of memory; a chunk is given back when the last of its tensors is
// gone. Any thread.
at::Tensor EmptyWeights(c10::IntArrayRef sizes, const at::TensorOptions& options);

}  // namespace pass
