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

absl::StatusOr<LayerTensors> LoadLayer(const Reader& reader, const LlamaConfig& config, int layer) {
  const std::string prefix = absl::StrCat("model.layers.", layer, ".");
  const std::string attention = prefix + "self_attn.", mlp = prefix + "mlp.";
  const int64_t q_width = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv_width = int64_t{config.num_kv_heads} * config.head_dim;
  LayerTensors read;
  PASS_ASSIGN_OR_RETURN(read.attention_norm, reader.Norm(prefix + "input_layernorm.weight", config.width));
  PASS_ASSIGN_OR_RETURN(read.qkv, reader.Fused({{attention + "q_proj.weight", q_width},
                                                {attention + "k_proj.weight", kv_width},
                                                {attention + "v_proj.weight", kv_width}},
                                               config.width));
  PASS_ASSIGN_OR_RETURN(read.attention_out,
                        reader.Fused({{attention + "o_proj.weight", config.width}}, q_width));
  PASS_ASSIGN_OR_RETURN(read.ffn_norm, reader.Norm(prefix + "post_attention_layernorm.weight", config.width));
  PASS_ASSIGN_OR_RETURN(read.gate_up, reader.Fused({{mlp + "gate_proj.weight", config.ffn_width},
                                                    {mlp + "up_proj.weight", config.ffn_width}},
                                                   config.width));
  PASS_ASSIGN_OR_RETURN(read.down,
                        reader.Fused({{mlp + "down_proj.weight", config.width}}, config.ffn_width));
  return read;
}

// Everything, in the order of the file's layers. `take(layer)` is given each layer as soon as it is read.
template <class TakeLayer>
absl::StatusOr<LlamaTensors> Load(const Reader& reader, const LoadProgress& progress, const TakeLayer& take) {
  const LlamaConfig& config = reader.checkpoint.config();
  const auto report = [&](int done) {
    if (progress) progress("weights", static_cast<double>(done) / (config.num_layers + 1));
  };
  LlamaTensors tensors;
  report(0);
  PASS_ASSIGN_OR_RETURN(tensors.embedding,
                        reader.Fused({{"model.embed_tokens.weight", config.vocab_size}}, config.width));
  for (int layer = 0; layer < config.num_layers; ++layer) {
    PASS_ASSIGN_OR_RETURN(LayerTensors read, LoadLayer(reader, config, layer));
    take(std::move(read), tensors);
    report(layer + 1);
  }
  PASS_ASSIGN_OR_RETURN(tensors.final_norm, reader.Norm("model.norm.weight", config.width));
  tensors.lm_head = tensors.embedding;
  if (!config.tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(tensors.lm_head,
                          reader.Fused({{"lm_head.weight", config.vocab_size}}, config.width));
  }
  report(config.num_layers + 1);
  return tensors;
}

}  // namespace

absl::StatusOr<LlamaTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  return Load({checkpoint, compute_type, device}, progress,
              [](LayerTensors layer, LlamaTensors& all) { all.layers.push_back(std::move(layer)); });
}

absl::StatusOr<LlamaWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  LlamaWeights weights;
  const auto pack = [&](LayerTensors layer, LlamaTensors&) {
    weights.layers.push_back({.attention_norm = layer.attention_norm,
                              .qkv = Linear(layer.qkv),
                              .attention_out = Linear(layer.attention_out),
                              .ffn_norm = layer.ffn_norm,
                              .gate_up = GatedLinear(layer.gate_up),
                              .down = Linear(layer.down)});
  };
  PASS_ASSIGN_OR_RETURN(LlamaTensors rest, Load({checkpoint, compute_type, device}, progress, pack));
  weights.embedding = rest.embedding;
  weights.final_norm = rest.final_norm;
  weights.lm_head = Linear(rest.lm_head);
  weights.lm_head_rows = rest.lm_head;
  return weights;
}

}  // namespace pass
