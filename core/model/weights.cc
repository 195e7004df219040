#include "core/model/weights.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/thread_team.h"

namespace pass {
namespace {

using kernels::QuantizedForm;

// nullopt: none.
std::optional<QuantizedForm> FormOf(WeightType type) {
  if (type == WeightType::k8Bits) return QuantizedForm::k8;
  if (type == WeightType::k4Bits) return QuantizedForm::k4Minimum;
  return std::nullopt;
}

// How many matrices of the file had which fate.
struct Tally {
  std::atomic<int> stored = 0, rounded = 0, plain = 0;
};

using Parts = std::vector<std::pair<std::string, int64_t>>;  // names, and widths or outputs

struct Reader {
  const Checkpoint& checkpoint;
  at::ScalarType compute_type;
  at::Device device;
  WeightType type = WeightType::kComputeType;
  Tally* tally = nullptr;  // of Packed

  absl::StatusOr<at::Tensor> Float(const std::string& name, std::vector<int64_t> shape) const {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    PASS_RETURN_IF_ERROR(checkpoint.Read(
        name, shape, std::span<float>(tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel()))));
    return tensor;
  }

  // Vectors of these widths, joined.
  absl::StatusOr<at::Tensor> Vector(const Parts& parts) const {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, width] : parts) {
      PASS_ASSIGN_OR_RETURN(tensors.emplace_back(), Float(name, {width}));
    }
    return (tensors.size() == 1 ? tensors.front() : at::cat(tensors)).to(device);
  }

  // Several matrices with the same input, joined along their outputs.
  absl::StatusOr<at::Tensor> Fused(const Parts& parts, int64_t in) const {
    std::vector<at::Tensor> tensors;
    for (const auto& [name, out] : parts) {
      PASS_ASSIGN_OR_RETURN(at::Tensor tensor, Float(name, {out, in}));
      tensors.push_back(tensor.to(compute_type));
    }
    return (tensors.size() == 1 ? tensors.front() : at::cat(tensors)).to(device);
  }

  // The same, packed in the type of the weights.
  absl::StatusOr<Linear> Packed(const Parts& parts, int64_t in) const {
    std::optional<QuantizedForm> form = FormOf(type);
    if (type == WeightType::kAsStored) {
      std::vector<StoredRows> stored;
      for (const auto& [name, out] : parts) {
        std::optional<StoredRows> rows = checkpoint.Stored(name);
        if (!rows.has_value() || LayoutOf(rows->type).elements == 1) continue;
        stored.push_back(*std::move(rows));
      }
      if (!stored.empty()) form = QuantizedForm::k8;
      if (stored.size() == parts.size()) {
        if (auto weight = QuantizedWeight::FromStored(stored, in); weight.has_value()) {
          tally->stored += static_cast<int>(parts.size());
          return Linear(*std::move(weight));
        }
      }
    }
    (form.has_value() ? tally->rounded : tally->plain) += static_cast<int>(parts.size());
    PASS_ASSIGN_OR_RETURN(const at::Tensor tensor, Fused(parts, in));
    return form.has_value() ? Linear(QuantizedWeight(tensor, *form)) : Linear(tensor);
  }

  // Fused or Packed.
  template <typename Matrix>
  absl::StatusOr<Matrix> Read(const Parts& parts, int64_t in) const {
    if constexpr (std::is_same_v<Matrix, Linear>) {
      return Packed(parts, in);
    } else {
      return Fused(parts, in);
    }
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

template <typename Matrix>
absl::Status LoadAttention(const Reader& reader, const ModelConfig& config, const std::string& prefix,
                           LayerMatrices<Matrix>& read) {
  const int64_t q = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv = int64_t{config.num_kv_heads} * config.head_dim;
  const auto qkv = [&](const char* kind) -> Parts {
    return {{prefix + "q_proj." + kind, q}, {prefix + "k_proj." + kind, kv}, {prefix + "v_proj." + kind, kv}};
  };
  PASS_ASSIGN_OR_RETURN(read.qkv, reader.Read<Matrix>(qkv("weight"), config.width));
  PASS_ASSIGN_OR_RETURN(read.attention_out,
                        reader.Read<Matrix>({{prefix + "o_proj.weight", config.width}}, q));
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

template <typename Matrix>
absl::StatusOr<LayerMatrices<Matrix>> LoadLayer(const Reader& reader, const ModelConfig& config, int layer) {
  const std::string prefix = absl::StrCat("model.layers.", layer, "."), mlp = prefix + "mlp.";
  LayerMatrices<Matrix> read;
  PASS_RETURN_IF_ERROR(LoadNorms(reader, config, prefix, read));
  PASS_RETURN_IF_ERROR(LoadAttention(reader, config, prefix + "self_attn.", read));
  PASS_ASSIGN_OR_RETURN(read.gate_up, reader.Read<Matrix>({{mlp + "gate_proj.weight", config.ffn_width},
                                                           {mlp + "up_proj.weight", config.ffn_width}},
                                                          config.width));
  PASS_ASSIGN_OR_RETURN(read.down,
                        reader.Read<Matrix>({{mlp + "down_proj.weight", config.width}}, config.ffn_width));
  return read;
}

constexpr char kEmbedding[] = "model.embed_tokens.weight", kLmHead[] = "lm_head.weight";

// Reads all layers, several at a time, and gives each to `take(layer, matrices)` as soon as it is read; then the rest.
template <typename Matrix, class TakeLayer>
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
      absl::StatusOr<LayerMatrices<Matrix>> read = LoadLayer<Matrix>(reader, config, static_cast<int>(layer));
      if (read.ok()) take(static_cast<size_t>(layer), *std::move(read));
      const std::lock_guard lock(mutex);
      failed.Update(read.status());
      ++done;
      report();
    }
  });
  PASS_RETURN_IF_ERROR(failed);
  ModelTensors tensors;
  PASS_ASSIGN_OR_RETURN(tensors.embedding, reader.Fused({{kEmbedding, config.vocab_size}}, config.width));
  PASS_ASSIGN_OR_RETURN(tensors.final_norm, reader.Vector({{"model.norm.weight", config.width}}));
  // Here it costs nothing, and the head's scores have it too.
  if (config.logits_multiplier != 1.0) tensors.final_norm.mul_(config.logits_multiplier);
  tensors.lm_head = tensors.embedding;
  if (!config.tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(tensors.lm_head, reader.Fused({{kLmHead, config.vocab_size}}, config.width));
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
  PASS_ASSIGN_OR_RETURN(ModelTensors tensors,
                        Load<at::Tensor>({checkpoint, compute_type, device}, progress, keep));
  tensors.layers = std::move(layers);
  return tensors;
}

absl::StatusOr<ModelWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress, WeightType type) {
  const ModelConfig& config = checkpoint.config();
  ModelWeights weights;
  weights.layers.resize(config.num_layers);
  Tally tally;
  Reader reader{checkpoint, compute_type, device, type, &tally};
  const auto pack = [&](size_t layer, LayerMatrices<Linear> read) {
    weights.layers[layer] = {LayerVectors(read), Linear(std::move(read.qkv), read.qkv_bias),
                             Linear(std::move(read.attention_out), read.attention_out_bias),
                             GatedLinear(std::move(read.gate_up), config.activation), std::move(read.down)};
  };
  PASS_ASSIGN_OR_RETURN(ModelTensors rest, Load<Linear>(reader, progress, pack));
  weights.embedding = rest.embedding;
  weights.final_norm = rest.final_norm;
  weights.lm_head_rows = rest.lm_head;
  if (type == WeightType::kAsStored) {
    PASS_ASSIGN_OR_RETURN(
        weights.lm_head,
        reader.Packed({{config.tied_embeddings ? kEmbedding : kLmHead, config.vocab_size}}, config.width));
  } else if (type == WeightType::kComputeType) {
    weights.lm_head = Linear(rest.lm_head);
  } else {
    weights.lm_head = Linear(QuantizedWeight(rest.lm_head, QuantizedForm::k8));
  }
  weights.num_stored = tally.stored;
  weights.num_rounded = tally.rounded;
  weights.num_plain = tally.plain;
  return weights;
}

}  // namespace pass
