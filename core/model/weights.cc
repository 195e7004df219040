#include "core/model/weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

struct Reader {
  const Checkpoint& checkpoint;
  at::ScalarType compute_type;
  at::Device device;

  absl::StatusOr<at::Tensor> Float(const std::string& name, std::vector<int64_t> shape) const {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    PASS_RETURN_IF_ERROR(checkpoint.Read(
        name, shape, std::span<float>(tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel()))));
    return tensor;
  }

  absl::StatusOr<at::Tensor> Norm(const std::string& name, int64_t width) const {
    PASS_ASSIGN_OR_RETURN(at::Tensor tensor, Float(name, {width}));
    return tensor.to(device);
  }

  // Several matrices with the same input, joined along their outputs.
  absl::StatusOr<at::Tensor> Fused(const std::vector<std::pair<std::string, int64_t>>& parts,
                                   int64_t in) const {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, out] : parts) {
      PASS_ASSIGN_OR_RETURN(at::Tensor tensor, Float(name, {out, in}));
      tensors.push_back(tensor.to(compute_type));
    }
    return (tensors.size() == 1 ? tensors.front() : at::cat(tensors)).to(device);
  }
};

absl::StatusOr<LayerWeights> LoadLayer(const Reader& reader, const LlamaConfig& config, int layer) {
  const std::string prefix = absl::StrCat("model.layers.", layer, ".");
  const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
  const int64_t q_width = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_kv_heads} * config.head_dim;
  LayerWeights weights;
  PASS_ASSIGN_OR_RETURN(weights.attention_norm, reader.Norm(prefix + "input_layernorm.weight", config.width));
  PASS_ASSIGN_OR_RETURN(at::Tensor qkv, reader.Fused({{attention + "q_proj.weight", q_width},
                                                      {attention + "k_proj.weight", kv_width},
                                                      {attention + "v_proj.weight", kv_width}},
                                                     config.width));
  PASS_ASSIGN_OR_RETURN(at::Tensor out, reader.Fused({{attention + "o_proj.weight", config.width}}, q_width));
  PASS_ASSIGN_OR_RETURN(weights.ffn_norm,
                        reader.Norm(prefix + "post_attention_layernorm.weight", config.width));
  PASS_ASSIGN_OR_RETURN(at::Tensor gate_up, reader.Fused({{mlp + "gate_proj.weight", config.ffn_width},
                                                          {mlp + "up_proj.weight", config.ffn_width}},
                                                         config.width));
  PASS_ASSIGN_OR_RETURN(at::Tensor down,
                        reader.Fused({{mlp + "down_proj.weight", config.width}}, config.ffn_width));
  weights.qkv = Linear(std::move(qkv));
  weights.attention_out = Linear(std::move(out));
  weights.gate_up = Linear(std::move(gate_up));
  weights.down = Linear(std::move(down));
  return weights;
}

}  // namespace

absl::StatusOr<LlamaWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  const LlamaConfig& config = checkpoint.config();
  const Reader reader{checkpoint, compute_type, device};
  const auto report = [&](int done) {
    if (progress) progress("weights", static_cast<double>(done) / (config.num_layers + 1));
  };
  LlamaWeights weights;
  report(0);
  PASS_ASSIGN_OR_RETURN(weights.embedding,
                        reader.Fused({{"model.embed_tokens.weight", config.vocab_size}}, config.width));
  for (int layer = 0; layer < config.num_layers; ++layer) {
    PASS_ASSIGN_OR_RETURN(LayerWeights layer_weights, LoadLayer(reader, config, layer));
    weights.layers.push_back(std::move(layer_weights));
    report(layer + 1);
  }
  PASS_ASSIGN_OR_RETURN(weights.final_norm, reader.Norm("model.norm.weight", config.width));
  at::Tensor head = weights.embedding;
  if (!config.tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(head, reader.Fused({{"lm_head.weight", config.vocab_size}}, config.width));
  }
  weights.lm_head = Linear(std::move(head));
  report(config.num_layers + 1);
  return weights;
}

}  // namespace pass
