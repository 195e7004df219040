// How far rows of logits are from the teacher's, with gradients, in two sweeps over the vocabulary: the largest part of a
// training step outside the matrix products. With p the teacher's and q the student's softmax,
//   loss = (1 - s) KL(p || q) - s log(sum of min(p, q)),
// where the sum is the chance that speculative sampling keeps a draft (Leviathan et al., arXiv 2211.17192, section 3.2), so that the
// second part is what a capacity-bound draft should minimise in the end.
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
  double overlap = 0;  // sum of min(p, q)
  double loss = 0;     // as above, without the task's weight
  bool top1 = false;   // both have the same likeliest token
};

struct DivergenceTask {
  int32_t teacher_row = 0;
  float weight = 1;
};

// One task per student row. `student` [N, V], contiguous, is overwritten with weight * d loss / d student.
// `overlap_share`: s, in [0, 1].
std::vector<RowDivergence> DivergeInPlace(const at::Tensor& student, const at::Tensor& teacher,
                                          std::span<const RowSummary> teacher_summaries,
                                          std::span<const DivergenceTask> tasks, double overlap_share);

// Ascending ids of the tokens whose probability is at least `least` in some row of `logits`.
std::vector<int64_t> LikelyTokens(const at::Tensor& logits, std::span<const RowSummary> summaries,
                                  double least);

}  // namespace pass
