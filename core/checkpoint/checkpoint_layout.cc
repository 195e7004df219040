#include "core/checkpoint/checkpoint_layout.h"

#include <cmath>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

// Far above any Llama, and small enough that products of three of them fit in 64 bits.
constexpr int64_t kMaxSize = 1 << 20;
constexpr int64_t kMaxVocabulary = 1 << 24;
constexpr int64_t kMaxLayers = 1024;
constexpr int64_t kMaxHeadDim = 1024;
constexpr int64_t kMaxContext = 1 << 24;

absl::Status Error(const std::string& path, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what, "; convert or download the model again"));
}

absl::Status CheckRange(const std::string& path, std::string_view name, int64_t value, int64_t limit) {
  if (value >= 1 && value <= limit) return absl::OkStatus();
  return Error(path, absl::StrCat(std::string(name), " is ", value, ", 1 to ", limit, " is allowed"));
}

bool IsPositive(double value) { return std::isfinite(value) && value > 0; }

absl::Status CheckRopeScaling(const std::string& path, const Llama3RopeScaling& scaling) {
  PASS_RETURN_IF_ERROR(CheckRange(path, "the rope scaling's original context length",
                                  scaling.original_context_length, kMaxContext));
  if (!IsPositive(scaling.factor) || scaling.factor < 1 || !IsPositive(scaling.low_freq_factor) ||
      !IsPositive(scaling.high_freq_factor) || scaling.high_freq_factor <= scaling.low_freq_factor) {
    return Error(path, absl::StrCat("rope scaling with factor ", scaling.factor, ", low_freq_factor ",
                                    scaling.low_freq_factor, " and high_freq_factor ",
                                    scaling.high_freq_factor, " has no meaning"));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<LlamaTensor> ListTensors(const LlamaConfig& config) {
  const int64_t d = config.width;
  const int64_t q_rows = int64_t{config.num_heads} * config.head_dim;
  const int64_t kv_rows = int64_t{config.num_kv_heads} * config.head_dim;
  std::vector<LlamaTensor> tensors;
  const auto add = [&tensors](std::string name, std::string gguf_name, std::vector<int64_t> shape,
                              int rotary_heads = 0) {
    tensors.push_back({std::move(name), std::move(gguf_name), std::move(shape), rotary_heads});
  };
  add("model.embed_tokens.weight", "token_embd.weight", {config.vocab_size, d});
  for (int layer = 0; layer < config.num_layers; ++layer) {
    const std::string hf = absl::StrCat("model.layers.", layer, ".");
    const std::string gguf = absl::StrCat("blk.", layer, ".");
    add(hf + "input_layernorm.weight", gguf + "attn_norm.weight", {d});
    add(hf + "self_attn.q_proj.weight", gguf + "attn_q.weight", {q_rows, d}, config.num_heads);
    add(hf + "self_attn.k_proj.weight", gguf + "attn_k.weight", {kv_rows, d}, config.num_kv_heads);
    add(hf + "self_attn.v_proj.weight", gguf + "attn_v.weight", {kv_rows, d});
    add(hf + "self_attn.o_proj.weight", gguf + "attn_output.weight", {d, q_rows});
    add(hf + "post_attention_layernorm.weight", gguf + "ffn_norm.weight", {d});
    add(hf + "mlp.gate_proj.weight", gguf + "ffn_gate.weight", {config.ffn_width, d});
    add(hf + "mlp.up_proj.weight", gguf + "ffn_up.weight", {config.ffn_width, d});
    add(hf + "mlp.down_proj.weight", gguf + "ffn_down.weight", {d, config.ffn_width});
  }
  add("model.norm.weight", "output_norm.weight", {d});
  if (!config.tied_embeddings) add("lm_head.weight", "output.weight", {config.vocab_size, d});
  return tensors;
}

absl::Status ValidateConfig(const std::string& path, const LlamaConfig& config) {
  PASS_RETURN_IF_ERROR(CheckRange(path, "the vocabulary", config.vocab_size, kMaxVocabulary));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the width", config.width, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the feed-forward width", config.ffn_width, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the number of layers", config.num_layers, kMaxLayers));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the number of heads", config.num_heads, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the number of key-value heads", config.num_kv_heads, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the width of a head", config.head_dim, kMaxHeadDim));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the context length", config.context_length, kMaxContext));
  if (config.num_heads % config.num_kv_heads != 0) {
    return Error(path, absl::StrCat(config.num_heads, " heads cannot share ", config.num_kv_heads,
                                    " key-value heads evenly"));
  }
  if (config.head_dim % 2 != 0) {
    return Error(path,
                 absl::StrCat("the width of a head is ", config.head_dim, ": rotation needs an even number"));
  }
  if (!IsPositive(config.rms_epsilon) || !IsPositive(config.rope_theta)) {
    return Error(path, absl::StrCat("the RMS norm's epsilon (", config.rms_epsilon, ") and the rope base (",
                                    config.rope_theta, ") must be positive numbers"));
  }
  if (!IsPositive(config.rope_linear_factor)) {
    return Error(path, absl::StrCat("linear rope scaling by a factor of ", config.rope_linear_factor,
                                    " has no meaning"));
  }
  if (config.rope_scaling) return CheckRopeScaling(path, *config.rope_scaling);
  return absl::OkStatus();
}

}  // namespace pass
