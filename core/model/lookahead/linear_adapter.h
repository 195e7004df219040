// The adapter of one linear: y += (x a^T) b^T on look-ahead rows, and on no others. Row-invariant on the CPU, where an own
// kernel computes it (ops/draft_kernels.h); on other devices by ATen. Immutable.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class LinearAdapter {
 public:
  LinearAdapter() = default;
  // Keeps the weights in bf16 on a CPU, whatever the compute type, in that of `options` elsewhere.
  LinearAdapter(const LowRank& weights, const at::TensorOptions& options);

  // x: [R, in], y: [R, out], compute type, contiguous. `rows`: those that are adapted.
  void Add(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y) const;
  // The same for outputs [begin, end), by one thread on the CPU; `begin` is a multiple of 16, and `end` too or the last.
  void AddOnThisThread(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y, int64_t begin,
                       int64_t end) const;

  // The formulation by ATen, on plain a [r, in] and b [out, r]: test oracle and path of other devices.
  static void Aten(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& a,
                   const at::Tensor& b, const at::Tensor& y);

 private:
  int64_t rank_ = 0, in_ = 0, out_ = 0;
  at::Tensor a_, b_;  // packed in pairs on a CPU
};

// What an adapted linear adds, and where: nothing by default.
struct Adapted {
  const LinearAdapter* adapter = nullptr;
  std::span<const int64_t> rows = {};
};

struct AdaptedLayer {
  LinearAdapter qkv, attention_out, gate_up, down;
};

}  // namespace pass
