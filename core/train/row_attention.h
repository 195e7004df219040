// Attention of the look-ahead rows of one window, differentiable: the part over the window's ordinary keys is one batched
// product per key-value head with an additive mask, the part within the groups a small block; one softmax over both.
//
// Shapes: R rows, T tokens, H query heads, K key-value heads, D head width.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "core/train/group_plan.h"

namespace pass {

class RowAttention {
 public:
  // The masks, which all layers of one window share (core/checkpoint/config.h). `softcap` of the scores; 0: none.
  RowAttention(std::span<const GroupRow> rows, int64_t num_tokens, int32_t window, double softcap,
               at::ScalarType compute_type, at::Device device);

  // query [R, H, D], scaled, keys and values [R, K, D] of the rows themselves; prefix [K, T, D], without gradient.
  // Returns [R, H D].
  at::Tensor Attend(const at::Tensor& query, const at::Tensor& keys, const at::Tensor& values,
                    const at::Tensor& prefix_keys, const at::Tensor& prefix_values) const;

 private:
  int64_t longest_;  // rows of the longest group
  double softcap_;
  at::Tensor prefix_mask_;  // [1, R, 1, T]: 0, or far below 0 behind the anchor and before the window
  at::Tensor group_mask_;   // [1, R, 1, longest]
  at::Tensor
      ancestors_;  // int64 [R longest]: indices of the group's rows up to the row itself, then anything
};

}  // namespace pass
