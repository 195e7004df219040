// The adapter of one linear on the CPU: y += (x a^T) b^T on look-ahead rows, and on no others. Row-invariant; the weights stay in
// bf16, whatever the compute type. Immutable.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/model/lookahead/lookahead_file.h"

namespace pass {

class CpuAdapter {
 public:
  explicit CpuAdapter(const LowRank& weights);

  // x: [R, in], y: [R, out], compute type, contiguous. Outputs [begin, end) of the rows that are adapted, by one thread;
  // `begin` is a multiple of 16, and `end` too or the last.
  void AddOnThisThread(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y, int64_t begin,
                       int64_t end) const;

 private:
  int64_t rank_ = 0, in_ = 0, out_ = 0;
  at::Tensor a_, b_;  // packed in pairs
};

}  // namespace pass
