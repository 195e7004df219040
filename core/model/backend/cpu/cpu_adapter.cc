#include "core/model/backend/cpu/cpu_adapter.h"

#include <ATen/ops/empty.h>

#include <type_traits>
#include <vector>

#include "core/base/check.h"
#include "core/kernels/bf16_low_rank.h"
#include "core/kernels/draft_kernels.h"

namespace pass {
namespace {

using kernels::Bf16;
using kernels::kPairBlock;
using kernels::PairMatrix;

at::Tensor Pack(const Bf16Matrix& weight) {
  const PairMatrix matrix{.data = nullptr, .out = weight.rows, .in = weight.columns};
  at::Tensor packed = at::empty({matrix.elements()}, at::kBFloat16);
  kernels::PackPairs(reinterpret_cast<const Bf16*>(weight.values.data()), matrix,
                     static_cast<Bf16*>(packed.data_ptr()));
  return packed;
}

template <typename T>
void AddOnCpu(const PairMatrix& a, const PairMatrix& b, const at::Tensor& x, std::span<const int64_t> rows,
              const at::Tensor& y, int64_t begin, int64_t end) {
  thread_local std::vector<float> scratch;
  scratch.resize(static_cast<size_t>(kernels::LowRankScratchFloats(a, static_cast<int64_t>(rows.size()))));
  const kernels::LowRankData<T> data{.a = a,
                                     .b = b,
                                     .rows = rows.data(),
                                     .num_rows = static_cast<int64_t>(rows.size()),
                                     .x = static_cast<const T*>(x.data_ptr()),
                                     .y = static_cast<T*>(y.data_ptr())};
  const int64_t first = begin / kPairBlock, last = (end + kPairBlock - 1) / kPairBlock;
  if constexpr (std::is_same_v<T, Bf16>) {
    if (kernels::ActiveIsa() >= kernels::Isa::kAvx512Bf16)
      return kernels::AddLowRank(data, first, last, scratch.data());
  }
  kernels::DraftsForThisCpu<T>().add_low_rank(data, first, last, scratch.data());
}

}  // namespace

CpuAdapter::CpuAdapter(const LowRank& weights)
    : rank_(weights.a.rows),
      in_(weights.a.columns),
      out_(weights.b.rows),
      a_(Pack(weights.a)),
      b_(Pack(weights.b)) {
  PASS_CHECK(weights.b.columns == rank_);
}

void CpuAdapter::AddOnThisThread(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y,
                                 int64_t begin, int64_t end) const {
  const PairMatrix a{.data = static_cast<const Bf16*>(a_.data_ptr()), .out = rank_, .in = in_};
  const PairMatrix b{.data = static_cast<const Bf16*>(b_.data_ptr()), .out = out_, .in = rank_};
  if (x.scalar_type() == at::kBFloat16) {
    AddOnCpu<Bf16>(a, b, x, rows, y, begin, end);
  } else {
    AddOnCpu<float>(a, b, x, rows, y, begin, end);
  }
}

}  // namespace pass
