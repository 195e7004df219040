// The weights of a Llama, on their device, in the layout that the step computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/gated_linear.h"
#include "core/model/linear.h"
#include "core/model/load.h"

namespace pass {

// One layer as it was read: plain matrices in the compute type, fused; norms fp32.
struct LayerTensors {
  at::Tensor attention_norm;  // [width]
  at::Tensor qkv;             // [(heads + 2 kv_heads) * head_dim, width]
  at::Tensor attention_out;   // [width, heads * head_dim]
  at::Tensor ffn_norm;        // [width]
  at::Tensor gate_up;         // [2 ffn_width, width], gate first
  at::Tensor down;            // [width, ffn_width]
};

struct LlamaTensors {
  at::Tensor embedding;  // [vocab, width]
  std::vector<LayerTensors> layers;
  at::Tensor final_norm;  // fp32 [width]
  at::Tensor lm_head;     // [vocab, width]; the embedding where they are tied
};

// The same, packed for the serving step.
struct LayerWeights {
  at::Tensor attention_norm;  // fp32 [width]
  Linear qkv;                 // [(heads + 2 kv_heads) * head_dim, width]
  Linear attention_out;       // [width, heads * head_dim]
  at::Tensor ffn_norm;        // fp32 [width]
  GatedLinear gate_up;        // [2 ffn_width, width], gate first
  Linear down;                // [width, ffn_width]
};

struct LlamaWeights {
  at::Tensor embedding;  // compute type [vocab, width]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;  // fp32 [width]
  Linear lm_head;         // [vocab, width]
  at::Tensor
      lm_head_rows;  // the same, plain: for the head, which scores a few tokens; the embedding where they are tied
};

// Reads and fuses. Errors as Checkpoint::Read.
absl::StatusOr<LlamaTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress);

// Reads, fuses and prepacks, one layer at a time. Errors as Checkpoint::Read.
absl::StatusOr<LlamaWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress);

}  // namespace pass
