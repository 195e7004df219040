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

// Reads all layers, several at a time, and gives each to `take(layer, tensors)` as soon as it is read; then the rest.
template <class TakeLayer>
absl::StatusOr<LlamaTensors> Load(const Reader& reader, const LoadProgress& progress, const TakeLayer& take) {
  const LlamaConfig& config = reader.checkpoint.config();
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
  LlamaTensors tensors;
  PASS_ASSIGN_OR_RETURN(tensors.embedding,
                        reader.Fused({{"model.embed_tokens.weight", config.vocab_size}}, config.width));
  PASS_ASSIGN_OR_RETURN(tensors.final_norm, reader.Norm("model.norm.weight", config.width));
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

absl::StatusOr<LlamaTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  std::vector<LayerTensors> layers(checkpoint.config().num_layers);
  const auto keep = [&](size_t layer, LayerTensors read) { layers[layer] = std::move(read); };
  PASS_ASSIGN_OR_RETURN(LlamaTensors tensors, Load({checkpoint, compute_type, device}, progress, keep));
  tensors.layers = std::move(layers);
  return tensors;
}

absl::StatusOr<LlamaWeights> LoadWeights(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  LlamaWeights weights;
  weights.layers.resize(checkpoint.config().num_layers);
  const auto pack = [&](size_t layer, const LayerTensors& read) {
    weights.layers[layer] = {.attention_norm = read.attention_norm,
                             .qkv = Linear(read.qkv),
                             .attention_out = Linear(read.attention_out),
                             .ffn_norm = read.ffn_norm,
                             .gate_up = GatedLinear(read.gate_up),
                             .down = Linear(read.down)};
  };
  PASS_ASSIGN_OR_RETURN(LlamaTensors rest, Load({checkpoint, compute_type, device}, progress, pack));
  weights.embedding = rest.embedding;
  weights.final_norm = rest.final_norm;
  weights.lm_head = Linear(rest.lm_head);
  weights.lm_head_rows = rest.lm_head;
  return weights;
}

}  // namespace pass
