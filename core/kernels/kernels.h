// The CPU kernels of the model's step: plain loops over raw pointers, torch-free, compiled once per instruction set
// (CMakeLists.txt) and chosen at run time by the CPU.
//
// Row-invariance: a kernel computes each row by the same operations in the same order, whatever the range [begin, end)
// that it is called for. Sums run over 16 lanes in a fixed tree. Kernels are pure and may run on disjoint ranges at once.
//
// Shapes are row-major. T is the compute type: Bf16 or float. Attention: see attention_plan.h.
#pragma once

#include <cstdint>

#include "core/kernels/attention_plan.h"
#include "core/kernels/isa.h"
#include "core/kernels/linear.h"

namespace pass::kernels {

// Pointers of one layer's attention.
template <typename T>
struct AttentionData {
  const AttentionPlan* plan;
  int num_kv_heads;
  int group;  // query heads per key-value head
  int head_dim;
  int32_t window;        // positions that a row reads, its own included; 0: all
  float softcap;         // cap c: scores become c tanh(score / c); 0: none
  const float* query;    // [rows, num_kv_heads * group, head_dim], rotated and scaled
  const T* row_keys;     // [rows, num_kv_heads, head_dim], rotated
  const T* row_values;   // [rows, num_kv_heads, head_dim]
  const T* page_keys;    // [pages, num_kv_heads, numbers of a page], as page_layout.h says
  const T* page_values;  // the same
  T* out;                // [rows, num_kv_heads * group * head_dim]
};

// Pointers of one layer's split into queries, keys and values.
template <typename T>
struct RopeData {
  const T* qkv;              // [rows, (heads + 2 kv_heads) * head_dim]
  const float* cos;          // [positions, rotary_dim / 2]
  const float* sin;          // the same
  const int32_t* positions;  // [rows]
  int heads;
  int kv_heads;
  int head_dim;
  int rotary_dim;                // leading elements of a head that rotate; 0: none, and no tables
  float scale;                   // of queries
  const float* position_scales;  // of queries too, [positions]; null: none
  float* query;                  // [rows, heads, head_dim]
  T* keys;                       // [rows, kv_heads, head_dim]
  T* values;                     // the same
};

// Parts of each row of a matrix that are normalised apart: `segments` of them, side by side from `first`.
template <typename T>
struct NormData {
  T* x;  // [rows, stride]
  int64_t stride;
  int64_t first;
  int64_t segments;
  int64_t width;        // of a segment
  const float* weight;  // [width], of every segment
  float epsilon;
};

template <typename T>
struct Table {
  // residual[row] += multiplier * delta[row] (delta may be null); out[row] = residual[row] / rms(residual[row]) * weight,
  // or the residual as it is where weight is null.
  void (*add_rms_norm)(float* residual, const T* delta, float multiplier, const float* weight, float epsilon,
                       int64_t width, T* out, int64_t begin, int64_t end);
  // x = x / rms(x) * weight for every segment of rows [begin, end).
  void (*norm_segments)(const NormData<T>& data, int64_t begin, int64_t end);
  // Splits qkv and rotates queries and keys, half-split (Su et al., RoFormer, arXiv 2104.09864).
  void (*rope_split)(const RopeData<T>& data, int64_t begin, int64_t end);
  // One task of the plan and one key-value head. `scratch` has AttentionScratchFloats().
  void (*attention)(const AttentionData<T>& data, const AttentionTask& task, int kv_head, float* scratch);
  // out = silu(gate) * up for columns [begin, end) of all rows. gate_up: [rows, 2 * ffn_width], gate first.
  void (*swiglu)(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end);
  // The same with GELU in its tanh form (Hendrycks, Gimpel, arXiv 1606.08415).
  void (*geglu)(const T* gate_up, int64_t rows, int64_t ffn_width, T* out, int64_t begin, int64_t end);
  // y[row] += bias for columns [begin, end) of y [rows, width].
  void (*add_bias)(T* y, const float* bias, int64_t rows, int64_t width, int64_t begin, int64_t end);
  void (*widen)(const T* in, float* out, int64_t count);
  // Rounded to nearest, ties to even.
  void (*narrow)(const float* in, T* out, int64_t count);
  // Blocks [begin, end) of y [rows, out] = x W^T (linear.h), rounded to T or in fp32.
  void (*multiply)(const LinearData<T>& data, T* y, int64_t begin, int64_t end);
  void (*multiply_to_float)(const LinearData<T>& data, float* y, int64_t begin, int64_t end);
  // Whether they compute with LinearData::wide.
  bool wide_inputs;
};

// The table of an instruction set that the CPU has.
template <typename T>
const Table<T>& TableOf(Isa isa);

// That of ActiveIsa().
template <typename T>
const Table<T>& ForThisCpu() {
  static const Table<T>& table = TableOf<T>(ActiveIsa());
  return table;
}

inline int64_t AttentionScratchFloats(int group, int head_dim) {
  const int64_t block = int64_t{2} * kPageTokens * head_dim;  // keys and values
  const int64_t query =
      2 * head_dim + 1 + kPageTokens + 2;  // itself, its sums, its softmax, and what it reads
  return block + kMaxTaskRows * group * query;
}

}  // namespace pass::kernels
