// KL(teacher || student) of rows of logits, with its gradient: softmax(student) - softmax(teacher), in one sweep over the
// vocabulary, which is the largest part of a training step outside the matrix products.
//
// Shapes: N student rows, T teacher rows, V tokens. Any thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace pass {

struct RowSummary {
  float log_sum_exp = 0;
  int32_t argmax = 0;  // lowest id on ties
};

// `logits` [T, V], contiguous, bf16 or wider.
std::vector<RowSummary> Summarise(const at::Tensor& logits);

struct RowDivergence {
  double kl = 0;       // nats
  double overlap = 0;  // sum of min(p, q): the chance that a draft is kept at temperature 1
  bool top1 = false;   // both have the same likeliest token
};

struct DivergenceTask {
  int32_t teacher_row = 0;
  float weight = 1;
};

// One task per student row. `student` [N, V], contiguous, is overwritten with weight * d kl / d student.
std::vector<RowDivergence> DivergeInPlace(const at::Tensor& student, const at::Tensor& teacher,
                                          std::span<const RowSummary> teacher_summaries,
                                          std::span<const DivergenceTask> tasks);

// Ascending ids of the tokens whose probability is at least `least` in some row of `logits`.
std::vector<int64_t> LikelyTokens(const at::Tensor& logits, std::span<const RowSummary> summaries,
                                  double least);

}  // namespace pass
