#include "core/model/backend/cpu/quantized_weight.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "core/base/check.h"
#include "core/base/half.h"
#include "core/files/block_codes.h"
#include "core/kernels/thread_team.h"
#include "core/model/backend/cpu/weight_memory.h"
#include "core/model/compute_type.h"

namespace pass {
namespace {

using kernels::QuantizedForm;

constexpr int64_t kRowsPerThread = 4;  // fewer are not worth waking a second thread
constexpr int64_t kBlocksPerThread = 8;

std::byte* Bytes(const at::Tensor& tensor) { return static_cast<std::byte*>(tensor.data_ptr()); }

at::Tensor EmptyBlocks(QuantizedForm form, int64_t out, int64_t in) {
  return EmptyWeights({kernels::LinearBlocks(out), kernels::QuantizedBlockBytes(form, in)},
                      at::TensorOptions().dtype(at::kByte));
}

QuantizedForm FormOf(const CodeLayout& layout) {
  if (layout.group == 16) return QuantizedForm::k8Halves;
  if (layout.has_minimum) return layout.most < 16 ? QuantizedForm::k4Minimum : QuantizedForm::k8Minimum;
  const int zero = kernels::ZeroCode(QuantizedForm::k4);
  return layout.least >= -zero && layout.most < zero ? QuantizedForm::k4 : QuantizedForm::k8;
}

// The rows of one matrix, decoded one after the other.
class StoredOutputs {
 public:
  StoredOutputs(TensorType type, QuantizedForm form, int64_t in)
      : type_(type), zero_(kernels::HasMinimum(form) ? 0 : kernels::ZeroCode(form)) {
    const auto columns = static_cast<size_t>(in),
               groups = static_cast<size_t>(in / kernels::ScaleGroup(form));
    numbers_.resize(columns);
    codes_.resize(columns);
    wide_scales_.resize(groups);
    scales_.resize(groups);
    wide_minima_.resize(kernels::HasMinimum(form) ? groups : 0);
    minima_.resize(wide_minima_.size());
  }

  // nullopt: a scale or a minimum is no number of binary16.
  std::optional<kernels::QuantizedOutput> Decode(std::span<const std::byte> row) {
    DecodeCodes(type_, row, numbers_, wide_scales_, wide_minima_);
    std::ranges::transform(numbers_, codes_.begin(),
                           [this](int16_t code) { return static_cast<uint8_t>(code + zero_); });
    if (!Narrow(wide_scales_, scales_) || !Narrow(wide_minima_, minima_)) return std::nullopt;
    return kernels::QuantizedOutput{.codes = codes_, .scales = scales_, .minima = minima_};
  }

 private:
  static bool Narrow(std::span<const float> wide, std::span<uint16_t> halves) {
    for (size_t i = 0; i < wide.size(); ++i) {
      halves[i] = FloatToHalf(wide[i]);
      if (!std::isfinite(HalfToFloat(halves[i]))) return false;
    }
    return true;
  }

  TensorType type_;
  int zero_;
  std::vector<int16_t> numbers_;
  std::vector<uint8_t> codes_;
  std::vector<float> wide_scales_, wide_minima_;
  std::vector<uint16_t> scales_, minima_;
};

// false: as FromStored.
bool PackStored(const StoredRows& stored, QuantizedForm form, int64_t in, std::byte* packed) {
  const auto out = static_cast<int64_t>(stored.rows.size());
  const int64_t block_bytes = kernels::QuantizedBlockBytes(form, in);
  std::atomic<bool> whole = true;
  ParallelFor(0, kernels::LinearBlocks(out), kBlocksPerThread, [&](int64_t begin, int64_t end) {
    StoredOutputs outputs(stored.type, form, in);
    std::memset(packed + begin * block_bytes, 0, static_cast<size_t>((end - begin) * block_bytes));
    for (int64_t row = begin * kernels::kLinearBlock; row < std::min(out, end * kernels::kLinearBlock);
         ++row) {
      const auto output = outputs.Decode(stored.rows[static_cast<size_t>(row)]);
      if (!output.has_value()) {
        whole = false;
        return;
      }
      kernels::PackQuantizedOutput(form, *output, row % kernels::kLinearBlock,
                                   packed + row / kernels::kLinearBlock * block_bytes);
    }
  });
  return whole;
}

}  // namespace

QuantizedWeight::QuantizedWeight(const at::Tensor& weight, QuantizedForm form)
    : out_(weight.size(0)), in_(weight.size(1)) {
  const at::Tensor plain = weight.contiguous();
  const at::Tensor packed = EmptyBlocks(form, out_, in_);
  ForComputeType(plain, [&]<typename T>(T*) {
    ParallelFor(0, kernels::LinearBlocks(out_), kBlocksPerThread, [&](int64_t begin, int64_t end) {
      kernels::PackQuantized(form, static_cast<const T*>(plain.data_ptr()), out_, in_, Bytes(packed), begin,
                             end);
    });
  });
  parts_.push_back({.form = form, .begin = 0, .out = out_, .packed = packed});
}

std::optional<QuantizedWeight> QuantizedWeight::FromStored(std::span<const StoredRows> matrices, int64_t in) {
  QuantizedWeight weight;
  weight.in_ = in;
  for (const StoredRows& stored : matrices) {
    const std::optional<CodeLayout> layout = CodeLayoutOf(stored.type);
    if (!layout.has_value() || weight.out_ % kernels::kLinearBlock != 0) return std::nullopt;
    const QuantizedForm form = FormOf(*layout);
    const auto out = static_cast<int64_t>(stored.rows.size());
    const at::Tensor packed = EmptyBlocks(form, out, in);
    if (!PackStored(stored, form, in, Bytes(packed))) return std::nullopt;
    weight.parts_.push_back({.form = form, .begin = weight.out_, .out = out, .packed = packed});
    weight.out_ += out;
  }
  return weight;
}

at::Tensor QuantizedWeight::RoundInputs(const at::Tensor& x) const {
  PASS_CHECK(x.size(1) == in_);
  const int64_t rows = x.size(0);
  at::Tensor rounded;
  ForComputeType(x, [&]<typename T>(T*) {
    const auto& inputs = kernels::QuantizedForThisCpu<T>().inputs(parts_.front().form);
    rounded = at::empty({kernels::QuantizedGroups(in_) * rows * inputs.group_bytes}, at::kByte);
    ParallelFor(0, rows, kRowsPerThread, [&](int64_t begin, int64_t end) {
      inputs.quantize(static_cast<const T*>(x.data_ptr()), rows, in_, Bytes(rounded), begin, end);
    });
  });
  return rounded;
}

void QuantizedWeight::Multiply(const at::Tensor& rounded, const at::Tensor& y, int64_t begin,
                               int64_t end) const {
  ForComputeType(y, [&]<typename T>(T*) {
    for (const Part& part : parts_) {
      const int64_t first = std::max(begin - part.begin, int64_t{0});
      const int64_t last = std::min(end - part.begin, part.out);
      if (first >= last) continue;
      kernels::QuantizedForThisCpu<T>().multiply({.form = part.form,
                                                  .packed = Bytes(part.packed),
                                                  .out = part.out,
                                                  .in = in_,
                                                  .x = Bytes(rounded),
                                                  .rows = y.size(0),
                                                  .stride = out_},
                                                 static_cast<T*>(y.data_ptr()) + part.begin,
                                                 first / kernels::kLinearBlock, kernels::LinearBlocks(last));
    }
  });
}

}  // namespace pass
