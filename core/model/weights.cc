#include "core/model/weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/thread_team.h"

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

  // Vectors of these widths, joined.
  absl::StatusOr<at::Tensor> Vector(const std::vector<std::pair<std::string, int64_t>>& parts) const {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, width] : parts) {
      PASS_ASSIGN_OR_RETURN(tensors.emplace_back(), Float(name, {width}));
    }
    return (tensors.size() == 1 ? tensors.front() : at::cat(tensors)).to(device);
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

// Which norms there are, and under which names, as ListTensors has it.
absl::Status LoadNorms(const Reader& reader, const ModelConfig& config, const std::string& prefix,
                       LayerVectors& read) {
  const auto norm = [&](const char* name) {
    return reader.Vector({{prefix + name + "_layernorm.weight", config.width}});
  };
  if (config.norm_placement != NormPlacement::kPost) {
    PASS_ASSIGN_OR_RETURN(read.attention_norm, norm("input"));
  }
  if (config.norm_placement == NormPlacement::kPre) {
    PASS_ASSIGN_OR_RETURN(read.ffn_norm, norm("post_attention"));
    return absl::OkStatus();
  }
  PASS_ASSIGN_OR_RETURN(read.attention_post_norm, norm("post_attention"));
  PASS_ASSIGN_OR_RETURN(read.ffn_post_norm, norm("post_feedforward"));
  if (config.norm_placement == NormPlacement::kSandwich) {
    PASS_ASSIGN_OR_RETURN(read.ffn_norm, norm("pre_feedforward"));
  }
  return absl::OkStatus();
}

absl::Status LoadAttention(const Reader& reader, const ModelConfig& config, const std::string& prefix,
                           LayerTensors& read) {
  const int64_t q = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv = int64_t{config.num_kv_heads} * config.head_dim;
  const auto qkv = [&](const char* kind) -> std::vector<std::pair<std::string, int64_t>> {
    return {{prefix + "q_proj." + kind, q}, {prefix + "k_proj." + kind, kv}, {prefix + "v_proj." + kind, kv}};
  };
  PASS_ASSIGN_OR_RETURN(read.qkv, reader.Fused(qkv("weight"), config.width));
  PASS_ASSIGN_OR_RETURN(read.attention_out, reader.Fused({{prefix + "o_proj.weight", config.width}}, q));
  if (config.qkv_bias) {
    PASS_ASSIGN_OR_RETURN(read.qkv_bias, reader.Vector(qkv("bias")));
  }
  if (config.attention_out_bias) {
    PASS_ASSIGN_OR_RETURN(read.attention_out_bias, reader.Vector({{prefix + "o_proj.bias", config.width}}));
  }
  if (config.qk_norm == QkNorm::kNone) return absl::OkStatus();
  const bool whole = config.qk_norm == QkNorm::kWhole;
  PASS_ASSIGN_OR_RETURN(read.q_norm,
                        reader.Vector({{prefix + "q_norm.weight", whole ? q : config.head_dim}}));
  PASS_ASSIGN_OR_RETURN(read.k_norm,
                        reader.Vector({{prefix + "k_norm.weight", whole ? kv : config.head_dim}}));
  return absl::OkStatus();
}

absl::StatusOr<LayerTensors> LoadLayer(const Reader& reader, const ModelConfig& config, int layer) {
  const std::string prefix = absl::StrCat("model.layers.", layer, "."), mlp = prefix + "mlp.";
  LayerTensors read;
  PASS_RETURN_IF_ERROR(LoadNorms(reader, config, prefix, read));
  PASS_RETURN_IF_ERROR(LoadAttention(reader, config, prefix + "self_attn.", read));
  PASS_ASSIGN_OR_RETURN(read.gate_up, reader.Fused({{mlp + "gate_proj.weight", config.ffn_width},
                                                    {mlp + "up_proj.weight", config.ffn_width}},
                                                   config.width));
  PASS_ASSIGN_OR_RETURN(read.down,
                        reader.Fused({{mlp + "down_proj.weight", config.width}}, config.ffn_width));
  return read;
}

// Reads all layers, several at a time, and gives each to `take(layer, tensors)` as soon as it is read; then the rest.
template <class TakeLayer>
absl::StatusOr<ModelTensors> Load(const Reader& reader, const LoadProgress& progress, const TakeLayer& take) {
  const ModelConfig& config = reader.checkpoint.config();
  std::mutex mutex;  // of what follows
  int done = 0;
  absl::Status failed;
  const auto report = [&] {
    if (progress) progress("weights", static_cast<double>(done) / (config.num_layers + 1));
  };
  report();
  ParallelFor(0, config.num_layers, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t layer = begin; layer < end; ++layer) {
      absl::StatusOr<LayerTensors> read = LoadLayer(reader, config, static_cast<int>(layer));
      if (read.ok()) take(static_cast<size_t>(layer), *std::move(read));
      const std::lock_guard lock(mutex);
      failed.Update(read.status());
      ++done;
      report();
    }
  });
  PASS_RETURN_IF_ERROR(failed);
  ModelTensors tensors;
  PASS_ASSIGN_OR_RETURN(tensors.embedding,
                        reader.Fused({{"model.embed_tokens.weight", config.vocab_size}}, config.width));
  PASS_ASSIGN_OR_RETURN(tensors.final_norm, reader.Vector({{"model.norm.weight", config.width}}));
  // Here it costs nothing, and the head's scores have it too.
  if (config.logits_multiplier != 1.0) tensors.final_norm.mul_(config.logits_multiplier);
  tensors.lm_head = tensors.embedding;
  if (!config.tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(tensors.lm_head,
                          reader.Fused({{"lm_head.weight", config.vocab_size}}, config.width));
  }
  ++done;
  report();
  return tensors;
}

}  // namespace

absl::StatusOr<ModelTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  std::vector<LayerTensors> layers(checkpoint.config().num_layers);
  const auto keep = [&](size_t layer, LayerTensors read) { layers[layer] = std::move(read); };
  PASS_ASSIGN_OR_RETURN(ModelTensors tensors, Load({checkpoint, compute_type, device}, progress, keep));
  tensors.layers = std::move(layers);
  return tensors;
}

absl::StatusOr<ModelWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  ModelWeights weights;
  weights.layers.resize(checkpoint.config().num_layers);
  const Activation activation = checkpoint.config().activation;
  const auto pack = [&](size_t layer, const LayerTensors& read) {
    weights.layers[layer] = {LayerVectors(read), Linear(read.qkv, read.qkv_bias),
                             Linear(read.attention_out, read.attention_out_bias),
                             GatedLinear(read.gate_up, activation), Linear(read.down)};
  };
  PASS_ASSIGN_OR_RETURN(ModelTensors rest, Load({checkpoint, compute_type, device}, progress, pack));
  weights.embedding = rest.embedding;
  weights.final_norm = rest.final_norm;
  weights.lm_head = Linear(rest.lm_head);
  weights.lm_head_rows = rest.lm_head;
  return weights;
}

}  // namespace pass
