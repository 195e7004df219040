// The heads of a model's attention, and the tables that rotate them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>

namespace pass {

struct HeadShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  double scale = 0.0;    // of a query and key's product; 0: 1 / sqrt(head_dim)
  double softcap = 0.0;  // of the scores; 0: none

  double score_scale() const { return scale > 0 ? scale : 1.0 / std::sqrt(static_cast<double>(head_dim)); }
};

// Rotary tables, fp32 [positions, rotary_dim / 2]; undefined: nothing is rotated.
struct RopeTables {
  at::Tensor cos, sin;
  at::Tensor query_scales;  // fp32 [positions], what queries are multiplied by besides; undefined: nothing
};

}  // namespace pass
