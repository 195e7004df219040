#include "core/model/weights.h"

#include <ATen/ops/empty.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/kernels/kernels.h"
#include "core/kernels/thread_team.h"
#include "core/model/compute_type.h"

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

constexpr int64_t kRowsAtATime = 256;

// Tensors by name with the size of their first dimension.
using Parts = std::vector<std::pair<std::string, int64_t>>;

int64_t TotalOf(const Parts& parts) {
  int64_t total = 0;
  for (const auto& [name, size] : parts) total += size;
  return total;
}

// out [rows, in] on the CPU. Rows are rounded as they are read, so that few are ever there in fp32.
absl::Status ReadMatrix(const Checkpoint& checkpoint, const std::string& name, const at::Tensor& out) {
  const int64_t in = out.size(1);
  std::mutex mutex;  // of what follows
  absl::Status failed;
  ForComputeType(out, [&]<typename T>(T*) {
    auto* to = static_cast<T*>(out.data_ptr());
    const auto& narrow = kernels::ForThisCpu<T>().narrow;
    ParallelFor(0, out.size(0), kRowsAtATime, [&](int64_t begin, int64_t end) {
      const absl::Status read = checkpoint.ReadRows(
          name, out.sizes(), begin, end,
          [&](int64_t row, std::span<const float> values) { narrow(values.data(), to + row * in, in); });
      const std::lock_guard lock(mutex);
      failed.Update(read);
    });
  });
  return failed;
}

struct Reader {
  const Checkpoint& checkpoint;
  at::ScalarType compute_type;
  at::Device device;
  const Backend* backend = nullptr;  // of Packed, with what follows
  WeightType type = WeightType::kComputeType;
  Tally* tally = nullptr;

  // Vectors of these widths, joined.
  absl::StatusOr<at::Tensor> Vector(const Parts& parts) const {
    at::Tensor joined = at::empty({TotalOf(parts)}, at::kFloat);
    float* next = joined.data_ptr<float>();
    for (const auto& [name, width] : parts) {
      PASS_RETURN_IF_ERROR(checkpoint.Read(name, {{width}}, {next, static_cast<size_t>(width)}));
      next += width;
    }
    return joined.to(device);
  }

  // Several matrices with the same input, joined along their outputs.
  absl::StatusOr<at::Tensor> Fused(const Parts& parts, int64_t in) const {
    const at::ScalarType kernel_type = compute_type == at::kBFloat16 ? at::kBFloat16 : at::kFloat;
    at::Tensor joined = at::empty({TotalOf(parts), in}, kernel_type);
    int64_t first = 0;
    for (const auto& [name, out] : parts) {
      PASS_RETURN_IF_ERROR(ReadMatrix(checkpoint, name, joined.narrow(0, first, out)));
      first += out;
    }
    return joined.to(device, compute_type);
  }

  // [vocab, width]
  absl::StatusOr<at::Tensor> Vocabulary(const char* name) const {
    return Fused({{name, checkpoint.config().vocab_size}}, checkpoint.config().width);
  }

  // The same, packed in the type of the weights.
  absl::StatusOr<std::unique_ptr<Linear>> Packed(const Parts& parts, int64_t in) const {
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
        if (auto linear = backend->MakeStoredLinear(stored, in); linear != nullptr) {
          tally->stored += static_cast<int>(parts.size());
          return linear;
        }
      }
    }
    (form.has_value() ? tally->rounded : tally->plain) += static_cast<int>(parts.size());
    PASS_ASSIGN_OR_RETURN(const at::Tensor tensor, Fused(parts, in));
    return backend->MakeLinear(tensor, form);
  }

  // Fused or Packed.
  template <typename Matrix>
  absl::StatusOr<Matrix> Read(const Parts& parts, int64_t in) const {
    if constexpr (std::is_same_v<Matrix, std::unique_ptr<Linear>>) {
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

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kLmHead = "lm_head.weight";

// Reads all layers, several at a time, and gives each to `take(layer, matrices)` as soon as it is read.
template <typename Matrix, class TakeLayer>
absl::Status LoadLayers(const Reader& reader, const LoadProgress& progress, const TakeLayer& take) {
  const int num_layers = reader.checkpoint.config().num_layers;
  std::mutex mutex;  // of what follows
  int done = 0;
  absl::Status failed;
  const auto report = [&] {
    if (progress) progress("weights", static_cast<double>(done) / num_layers);
  };
  report();
  ParallelFor(0, num_layers, /*grain=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t layer = begin; layer < end; ++layer) {
      absl::StatusOr<LayerMatrices<Matrix>> read =
          LoadLayer<Matrix>(reader, reader.checkpoint.config(), static_cast<int>(layer));
      const absl::Status status = read.status();
      if (status.ok()) take(static_cast<size_t>(layer), *std::move(read));
      const std::lock_guard lock(mutex);
      failed.Update(status);
      ++done;
      report();
    }
  });
  return failed;
}

absl::StatusOr<at::Tensor> LoadFinalNorm(const Reader& reader) {
  const ModelConfig& config = reader.checkpoint.config();
  PASS_ASSIGN_OR_RETURN(at::Tensor norm, reader.Vector({{"model.norm.weight", config.width}}));
  // Here it costs nothing, and the head's scores have it too.
  if (config.logits_multiplier != 1.0) norm.mul_(config.logits_multiplier);
  return norm;
}

}  // namespace

at::ScalarType TypeForTorch(bool fp32, at::Device device) {
  const bool slow_in_bf16 = device.is_cpu() && kernels::ActiveIsa() < kernels::Isa::kAvx512Bf16;
  return fp32 || slow_in_bf16 ? at::kFloat : at::kBFloat16;
}

absl::StatusOr<ModelTensors> LoadTensors(const Checkpoint& checkpoint, at::ScalarType compute_type,
                                         at::Device device, const LoadProgress& progress) {
  const Reader reader{checkpoint, compute_type, device};
  ModelTensors tensors;
  tensors.layers.resize(checkpoint.config().num_layers);
  const auto keep = [&](size_t layer, LayerTensors read) { tensors.layers[layer] = std::move(read); };
  PASS_RETURN_IF_ERROR(LoadLayers<at::Tensor>(reader, progress, keep));
  PASS_ASSIGN_OR_RETURN(tensors.embedding, reader.Vocabulary(kEmbedding));
  PASS_ASSIGN_OR_RETURN(tensors.final_norm, LoadFinalNorm(reader));
  tensors.lm_head = tensors.embedding;
  if (!checkpoint.config().tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(tensors.lm_head, reader.Vocabulary(kLmHead));
  }
  return tensors;
}

absl::StatusOr<ModelWeights> LoadWeights(const Checkpoint& checkpoint, const Backend& backend,
                                         bool plain_lm_head, const LoadProgress& progress, WeightType type) {
  using Packed = std::unique_ptr<Linear>;
  const ModelConfig& config = checkpoint.config();
  Tally tally;
  const Reader reader{.checkpoint = checkpoint,
                      .compute_type = c10::typeMetaToScalarType(backend.options().dtype()),
                      .device = backend.options().device(),
                      .backend = &backend,
                      .type = type,
                      .tally = &tally};
  ModelWeights weights;
  // `rows`: of the tensor of this name, unless weights stay as stored.
  const auto pack_lm_head = [&](const char* name, const at::Tensor& rows) -> absl::StatusOr<Packed> {
    if (type == WeightType::kAsStored) return reader.Packed({{name, config.vocab_size}}, config.width);
    if (type == WeightType::kComputeType) return backend.MakeLinear(rows, std::nullopt);
    return backend.MakeLinear(rows, QuantizedForm::k8);
  };
  if (!config.tied_embeddings) {  // first, while little else is there: for a moment it is in memory twice
    at::Tensor rows;
    if (plain_lm_head || type != WeightType::kAsStored) {
      PASS_ASSIGN_OR_RETURN(rows, reader.Vocabulary(kLmHead));
    }
    PASS_ASSIGN_OR_RETURN(weights.lm_head, pack_lm_head(kLmHead, rows));
    if (plain_lm_head) weights.lm_head_rows = rows;
  }
  weights.layers.resize(config.num_layers);
  const auto take = [&](size_t layer, LayerWeights read) {
    if (read.qkv_bias.defined()) read.qkv->SetBias(read.qkv_bias);
    if (read.attention_out_bias.defined()) read.attention_out->SetBias(read.attention_out_bias);
    weights.layers[layer] = std::move(read);
  };
  PASS_RETURN_IF_ERROR(LoadLayers<Packed>(reader, progress, take));
  PASS_ASSIGN_OR_RETURN(weights.embedding, reader.Vocabulary(kEmbedding));
  PASS_ASSIGN_OR_RETURN(weights.final_norm, LoadFinalNorm(reader));
  if (config.tied_embeddings) {
    PASS_ASSIGN_OR_RETURN(weights.lm_head, pack_lm_head(kEmbedding, weights.embedding));
    weights.lm_head_rows = weights.embedding;
  }
  weights.num_stored = tally.stored;
  weights.num_rounded = tally.rounded;
  weights.num_plain = tally.plain;
  return weights;
}

}  // namespace pass
