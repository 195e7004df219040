// The weights of a model, on their device, in the layout that the step computes with.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint.h"
#include "core/model/backend/backend.h"
#include "core/model/backend/linear.h"
#include "core/model/load.h"

namespace pass {

// What of a layer is no matrix, all fp32; undefined: the model has none.
struct LayerVectors {
  at::Tensor attention_norm, attention_post_norm;  // [width]
  at::Tensor ffn_norm, ffn_post_norm;              // [width]
  at::Tensor qkv_bias;                             // [(heads + 2 kv_heads) * head_dim]
  at::Tensor attention_out_bias;                   // [width]
  at::Tensor q_norm, k_norm;                       // [head_dim], or of all heads together
};

// One layer as it was read, fused.
template <typename Matrix>
struct LayerMatrices : LayerVectors {
  Matrix qkv;            // [(heads + 2 kv_heads) * head_dim, width]
  Matrix attention_out;  // [width, heads * head_dim]
  Matrix gate_up;        // [2 ffn_width, width], gate first
  Matrix down;           // [width, ffn_width]
};
// Plain matrices in the compute type.
using LayerTensors = LayerMatrices<at::Tensor>;

struct ModelTensors {
  at::Tensor embedding;  // [vocab, width]
  std::vector<LayerTensors> layers;
  at::Tensor final_norm;  // fp32 [width], times the multiplier of the logits
  at::Tensor lm_head;     // [vocab, width]; the embedding where they are tied
};

// The same, packed for the serving step; the linears have their biases.
using LayerWeights = LayerMatrices<std::unique_ptr<Linear>>;

struct ModelWeights {
  at::Tensor embedding;  // compute type [vocab, width]
  std::vector<LayerWeights> layers;
  at::Tensor final_norm;            // fp32 [width], times the multiplier of the logits
  std::unique_ptr<Linear> lm_head;  // [vocab, width]
  // The same, plain, if it was asked for: for the head, which scores a few tokens. The embedding where they are tied.
  at::Tensor lm_head_rows;
  // Matrices of the file by what became of them: kept as stored, rounded to 8 or 4 bits, in the compute type.
  int num_stored = 0, num_rounded = 0, num_plain = 0;
};

// bf16, but fp32 where that is asked for or the device is a CPU without instructions for bf16: for weights that LibTorch multiplies
// itself. Without these its products in bf16 take 4 to 5 times as long as those in fp32, and without AVX-512 8 to 80 times.
at::ScalarType TypeForTorch(bool fp32, at::Device device);

// Reads and fuses. Errors as Checkpoint::Read.
absl::StatusOr<ModelTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress);

// Reads, fuses and packs for the backend, one layer at a time. Errors as Checkpoint::Read. `type`: one that the backend's
// CheckWeights allows.
//
// k8 and k4 round every matrix but lm_head, which is in 8 bits: each of its errors is one of a logit. kAsStored keeps a matrix
// as it is: plain numbers in the compute type, blocks in their codes, and blocks that no form holds rounded to 8 bits; matrices
// that are fused share one fate. Vectors and the embedding, whose rows are looked up, stay in the compute type.
absl::StatusOr<ModelWeights> LoadWeights(const Checkpoint& checkpoint, const Backend& backend,
                                         bool plain_lm_head, const LoadProgress& progress,
                                         WeightType type = WeightType::kComputeType);

}  // namespace pass
