#include "core/model/lookahead/linear_adapter.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>

#include <type_traits>
#include <vector>

#include "core/base/check.h"
#include "core/kernels/bf16_low_rank.h"
#include "core/kernels/draft_kernels.h"
#include "core/kernels/thread_team.h"

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

at::Tensor Plain(const Bf16Matrix& weight, const at::TensorOptions& options) {
  auto* values = const_cast<uint16_t*>(weight.values.data());  // only read
  return at::from_blob(values, {weight.rows, weight.columns}, at::kBFloat16)
      .to(options, false, /*copy=*/true);
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

LinearAdapter::LinearAdapter(const LowRank& weights, const at::TensorOptions& options)
    : rank_(weights.a.rows), in_(weights.a.columns), out_(weights.b.rows) {
  PASS_CHECK(weights.b.columns == rank_);
  const bool on_cpu = options.device().is_cpu();
  a_ = on_cpu ? Pack(weights.a) : Plain(weights.a, options);
  b_ = on_cpu ? Pack(weights.b) : Plain(weights.b, options);
}

void LinearAdapter::Add(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y) const {
  if (rows.empty()) return;
  if (!x.is_cpu()) return Aten(x, rows, a_, b_, y);
  constexpr int64_t kGrain = 64;  // outputs
  ParallelFor(0, (out_ + kGrain - 1) / kGrain, /*grain=*/1, [&](int64_t begin, int64_t end) {
    AddOnThisThread(x, rows, y, begin * kGrain, std::min(end * kGrain, out_));
  });
}

void LinearAdapter::AddOnThisThread(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& y,
                                    int64_t begin, int64_t end) const {
  const PairMatrix a{.data = static_cast<const Bf16*>(a_.data_ptr()), .out = rank_, .in = in_};
  const PairMatrix b{.data = static_cast<const Bf16*>(b_.data_ptr()), .out = out_, .in = rank_};
  if (x.scalar_type() == at::kBFloat16) {
    AddOnCpu<Bf16>(a, b, x, rows, y, begin, end);
  } else {
    AddOnCpu<float>(a, b, x, rows, y, begin, end);
  }
}

void LinearAdapter::Aten(const at::Tensor& x, std::span<const int64_t> rows, const at::Tensor& a,
                         const at::Tensor& b, const at::Tensor& y) {
  const at::Tensor index = at::tensor(std::vector<int64_t>(rows.begin(), rows.end())).to(x.device());
  y.index_add_(0, index, at::linear(at::linear(x.index_select(0, index), a), b));
}

}  // namespace pass
