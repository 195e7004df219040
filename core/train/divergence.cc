#include "core/train/divergence.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "core/train/divergence_kernel.h"

namespace pass {
namespace {

bool HasKernel(const at::Tensor& logits) { return logits.scalar_type() == at::kBFloat16 && logits.is_cpu(); }

uint16_t* Row(const at::Tensor& logits, int64_t row) {
  return static_cast<uint16_t*>(logits.data_ptr()) + row * logits.size(1);
}

at::Tensor Wide(const at::Tensor& logits) {
  return logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
}

double LossOf(double kl, double overlap, double overlap_share) {
  const double of_kl = (1 - overlap_share) * kl;
  if (overlap_share == 0) return of_kl;
  return of_kl - overlap_share * std::log(std::max<double>(overlap, divergence_kernel::kLeastOverlap));
}

// The formulation by ATen: other types and devices, and the kernel's oracle.
std::vector<RowDivergence> DivergeByAten(const at::Tensor& student, const at::Tensor& teacher,
                                         std::span<const RowSummary> summaries,
                                         std::span<const DivergenceTask> tasks, double overlap_share) {
  std::vector<RowDivergence> rows;
  for (size_t i = 0; i < tasks.size(); ++i) {
    at::Tensor row = student[static_cast<int64_t>(i)];
    const at::Tensor log_q = at::log_softmax(Wide(row), -1);
    const at::Tensor log_p = at::log_softmax(Wide(teacher[tasks[i].teacher_row]), -1);
    const at::Tensor q = log_q.exp(), p = log_p.exp();
    const double kl = (p * (log_p - log_q)).sum().item().toDouble();
    const double overlap = at::minimum(p, q).sum().item().toDouble();
    rows.push_back({.kl = kl,
                    .overlap = overlap,
                    .loss = LossOf(kl, overlap, overlap_share),
                    .top1 = row.argmax().item().toInt() == summaries[tasks[i].teacher_row].argmax});
    const at::Tensor below = q * (q < p);
    const at::Tensor of_overlap =
        (below - q * below.sum()) * (-1 / std::max<double>(overlap, divergence_kernel::kLeastOverlap));
    row.copy_(((q - p) * (1 - overlap_share) + of_overlap * overlap_share) * tasks[i].weight);
  }
  return rows;
}

}  // namespace

std::vector<RowSummary> Summarise(const at::Tensor& logits) {
  std::vector<RowSummary> summaries;
  for (int64_t i = 0; i < logits.size(0); ++i) {
    if (HasKernel(logits)) {
      const auto summary = divergence_kernel::Summarise(Row(logits, i), logits.size(1));
      summaries.push_back({summary.log_sum_exp, summary.argmax});
    } else {
      const at::Tensor row = Wide(logits[i]);
      summaries.push_back({at::logsumexp(row, 0).item().toFloat(), row.argmax().item().toInt()});
    }
  }
  return summaries;
}

std::vector<RowDivergence> DivergeInPlace(const at::Tensor& student, const at::Tensor& teacher,
                                          std::span<const RowSummary> teacher_summaries,
                                          std::span<const DivergenceTask> tasks, double overlap_share) {
  if (!HasKernel(student)) return DivergeByAten(student, teacher, teacher_summaries, tasks, overlap_share);
  std::vector<RowDivergence> rows;
  rows.reserve(tasks.size());
  const int64_t size = student.size(1);
  for (size_t i = 0; i < tasks.size(); ++i) {
    const RowSummary& target = teacher_summaries[tasks[i].teacher_row];
    uint16_t* row = Row(student, static_cast<int64_t>(i));
    const auto own = divergence_kernel::Summarise(row, size);
    const auto sums = divergence_kernel::Diverge(row, own.log_sum_exp, Row(teacher, tasks[i].teacher_row),
                                                 target.log_sum_exp, tasks[i].weight,
                                                 static_cast<float>(overlap_share), size);
    rows.push_back(
        {sums.kl, sums.overlap, LossOf(sums.kl, sums.overlap, overlap_share), own.argmax == target.argmax});
  }
  return rows;
}

std::vector<int64_t> LikelyTokens(const at::Tensor& logits, std::span<const RowSummary> summaries,
                                  double least) {
  const auto threshold = static_cast<float>(std::log(least));
  std::vector<uint8_t> flags(static_cast<size_t>(logits.size(1)), 0);
  if (HasKernel(logits)) {
    for (int64_t i = 0; i < logits.size(0); ++i) {
      divergence_kernel::FlagAtLeast(Row(logits, i), summaries[i].log_sum_exp + threshold, flags.data(),
                                     logits.size(1));
    }
  } else {
    const at::Tensor best =
        at::log_softmax(Wide(logits), -1).amax(0).to(at::kCPU).to(at::kFloat).contiguous();
    for (size_t i = 0; i < flags.size(); ++i) flags[i] = best.data_ptr<float>()[i] >= threshold;
  }
  std::vector<int64_t> ids;
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i] != 0) ids.push_back(static_cast<int64_t>(i));
  }
  return ids;
}

}  // namespace pass
