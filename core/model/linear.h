// y = x W^T, row-invariant on the CPU.
//
// On a CPU with AVX512-BF16 bf16 weights are packed for an own kernel (ops/bf16_linear.h). On other CPUs, and in fp32, the
// weight is reordered once for oneDNN, and products run in slices of 2 to 64 rows, for which oneDNN gives each row the same
// bits whatever the number of rows (measured; a test repeats it); a single row is padded to two. On other devices this is at::linear. Immutable; any number of threads may call it, the model uses one.
#pragma once

#include <ATen/core/Tensor.h>

#include "core/kernels/bf16_linear.h"
#include "core/model/lookahead/linear_adapter.h"

namespace pass {

class Linear {
 public:
  enum class Path : uint8_t { kAten, kOneDnn, kOwn };

  Linear() = default;
  // `weight`: [out, in], bf16 or fp32, on its device. `path`: one that the device and the CPU have.
  explicit Linear(const at::Tensor& weight, kernels::Reads reads = kernels::Reads::kOnce)
      : Linear(weight, BestPath(weight), reads) {}
  Linear(const at::Tensor& weight, Path path, kernels::Reads reads = kernels::Reads::kOnce);

  static Path BestPath(const at::Tensor& weight);

  // x: [rows, in] contiguous. Returns [rows, out], with what `adapted` adds.
  at::Tensor operator()(const at::Tensor& x, const Adapted& adapted = {}) const;
  // The same in fp32, not rounded to the compute type where the path can do without.
  at::Tensor ToFloat(const at::Tensor& x) const;

  // The same for outputs [begin, end) alone, into y [rows, out], by one thread: for callers that go on with them. Only of
  // Path::kOwn in bf16; `begin` is a multiple of kernels::kLinearBlock, and `end` too or the last.
  void MultiplyOnThisThread(const at::Tensor& x, const Adapted& adapted, const at::Tensor& y, int64_t begin,
                            int64_t end) const;

  Path path() const { return path_; }

  // The formulation by ATen, on the plain weight: test oracle and path of other devices.
  static at::Tensor Aten(const at::Tensor& x, const at::Tensor& weight);

 private:
  template <typename Out>
  void MultiplyRange(const at::Tensor& x, const at::Tensor& y, int64_t begin, int64_t end) const;
  at::Tensor OneDnn(const at::Tensor& x) const;

  at::Tensor weight_;  // as its path wants it
  int64_t out_features_ = 0;
  Path path_ = Path::kAten;
  kernels::Reads reads_ = kernels::Reads::kOnce;
};

// Whether oneDNN multiplies bf16 natively on this CPU (AVX-512).
bool OneDnnMultipliesBf16();

}  // namespace pass
