#include "core/checkpoint/checkpoint_layout.h"

#include <cmath>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

// Far above any model of this kind, and small enough that products of three of them fit in 64 bits.
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

absl::Status CheckYarn(const std::string& path, const YarnRopeScaling& yarn) {
  PASS_RETURN_IF_ERROR(CheckRange(path, "the rope scaling's original context length",
                                  yarn.original_context_length, kMaxContext));
  if (!IsPositive(yarn.factor) || !IsPositive(yarn.attention_factor) || !IsPositive(yarn.beta_slow) ||
      !IsPositive(yarn.beta_fast) || yarn.beta_fast < yarn.beta_slow) {
    return Error(path, absl::StrCat("YaRN with factor ", yarn.factor, ", attention factor ",
                                    yarn.attention_factor, ", beta_fast ", yarn.beta_fast, " and beta_slow ",
                                    yarn.beta_slow, " has no meaning"));
  }
  return absl::OkStatus();
}

absl::Status CheckRope(const std::string& path, const RopeConfig& rope) {
  if (!IsPositive(rope.theta) || rope.theta == 1.0) {
    return Error(path, absl::StrCat("the rope base (", rope.theta, ") must be a positive number, not 1"));
  }
  if (!IsPositive(rope.linear_factor)) {
    return Error(path,
                 absl::StrCat("linear rope scaling by a factor of ", rope.linear_factor, " has no meaning"));
  }
  if (rope.llama3) PASS_RETURN_IF_ERROR(CheckRopeScaling(path, *rope.llama3));
  return rope.yarn ? CheckYarn(path, *rope.yarn) : absl::OkStatus();
}

absl::Status CheckFactors(const std::string& path, const ModelConfig& config) {
  const auto is_valid = [](double value) { return std::isfinite(value) && value >= 0; };
  if (!IsPositive(config.embedding_multiplier) || !IsPositive(config.residual_multiplier) ||
      !is_valid(config.attention_scale) || !IsPositive(config.logits_multiplier)) {
    return Error(path,
                 absl::StrCat("the multipliers of embedding (", config.embedding_multiplier, "), residual (",
                              config.residual_multiplier, "), attention (", config.attention_scale,
                              ") and logits (", config.logits_multiplier, ") must be positive numbers"));
  }
  if (!is_valid(config.attention_softcap) || !is_valid(config.logits_softcap)) {
    return Error(path, absl::StrCat("the soft caps of attention (", config.attention_softcap,
                                    ") and logits (", config.logits_softcap, ") must be numbers above 0"));
  }
  if (config.query_scaling &&
      (!is_valid(config.query_scaling->beta) || config.query_scaling->original_context_length < 1)) {
    return Error(path,
                 absl::StrCat("query scaling with beta ", config.query_scaling->beta, " and ",
                              config.query_scaling->original_context_length, " positions has no meaning"));
  }
  return absl::OkStatus();
}

// Names and shapes of one layer's weights.
struct LayerNames {
  const ModelConfig& config;
  std::string hf, gguf;
  std::vector<ModelTensor>& tensors;

  void Add(std::string_view name, std::string_view gguf_name, std::vector<int64_t> shape,
           int rotary_heads = 0) {
    tensors.push_back({.name = absl::StrCat(hf, std::string(name)),
                       .gguf_name = absl::StrCat(gguf, std::string(gguf_name)),
                       .shape = std::move(shape),
                       .rotary_heads = rotary_heads});
  }
  void AddNorm(std::string_view name, std::string_view gguf_name, int64_t width) {
    Add(name, gguf_name, {width});
    tensors.back().is_norm = true;
  }

  void AddAttention() {
    const int64_t d = config.width;
    const int64_t q = int64_t{config.num_heads} * config.head_dim;
    const int64_t kv = int64_t{config.num_kv_heads} * config.head_dim;
    Add("self_attn.q_proj.weight", "attn_q.weight", {q, d}, config.num_heads);
    Add("self_attn.k_proj.weight", "attn_k.weight", {kv, d}, config.num_kv_heads);
    Add("self_attn.v_proj.weight", "attn_v.weight", {kv, d});
    Add("self_attn.o_proj.weight", "attn_output.weight", {d, q});
    if (config.qkv_bias) {
      Add("self_attn.q_proj.bias", "attn_q.bias", {q}, config.num_heads);
      Add("self_attn.k_proj.bias", "attn_k.bias", {kv}, config.num_kv_heads);
      Add("self_attn.v_proj.bias", "attn_v.bias", {kv});
    }
    if (config.attention_out_bias) Add("self_attn.o_proj.bias", "attn_output.bias", {d});
    if (config.qk_norm == QkNorm::kNone) return;
    const bool whole = config.qk_norm == QkNorm::kWhole;
    AddNorm("self_attn.q_norm.weight", "attn_q_norm.weight", whole ? q : config.head_dim);
    AddNorm("self_attn.k_norm.weight", "attn_k_norm.weight", whole ? kv : config.head_dim);
  }

  // A norm behind attention has the name that Llama gives to the one before the feed-forward part.
  void AddNorms() {
    const int64_t d = config.width;
    const NormPlacement placement = config.norm_placement;
    if (placement != NormPlacement::kPost) AddNorm("input_layernorm.weight", "attn_norm.weight", d);
    if (placement == NormPlacement::kPre) {
      return AddNorm("post_attention_layernorm.weight", "ffn_norm.weight", d);
    }
    AddNorm("post_attention_layernorm.weight", "post_attention_norm.weight", d);
    if (placement == NormPlacement::kSandwich)
      AddNorm("pre_feedforward_layernorm.weight", "ffn_norm.weight", d);
    AddNorm("post_feedforward_layernorm.weight", "post_ffw_norm.weight", d);
  }

  void AddFeedForward() {
    Add("mlp.gate_proj.weight", "ffn_gate.weight", {config.ffn_width, config.width});
    Add("mlp.up_proj.weight", "ffn_up.weight", {config.ffn_width, config.width});
    Add("mlp.down_proj.weight", "ffn_down.weight", {config.width, config.ffn_width});
  }
};

}  // namespace

std::vector<ModelTensor> ListTensors(const ModelConfig& config) {
  std::vector<ModelTensor> tensors;
  LayerNames rest{config, "", "", tensors};
  rest.Add("model.embed_tokens.weight", "token_embd.weight", {config.vocab_size, config.width});
  for (int layer = 0; layer < config.num_layers; ++layer) {
    LayerNames names{config, absl::StrCat("model.layers.", layer, "."), absl::StrCat("blk.", layer, "."),
                     tensors};
    names.AddNorms();
    names.AddAttention();
    names.AddFeedForward();
  }
  rest.AddNorm("model.norm.weight", "output_norm.weight", config.width);
  if (!config.tied_embeddings) rest.Add("lm_head.weight", "output.weight", {config.vocab_size, config.width});
  return tensors;
}

double YarnMagnitude(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

absl::Status CheckNumberOfLayers(const std::string& path, const ModelConfig& config) {
  return CheckRange(path, "the number of layers", config.num_layers, kMaxLayers);
}

absl::Status ValidateConfig(const std::string& path, const ModelConfig& config) {
  PASS_RETURN_IF_ERROR(CheckRange(path, "the vocabulary", config.vocab_size, kMaxVocabulary));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the width", config.width, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckRange(path, "the feed-forward width", config.ffn_width, kMaxSize));
  PASS_RETURN_IF_ERROR(CheckNumberOfLayers(path, config));
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
  if (config.rotary_dim < 0 || config.rotary_dim % 2 != 0 || config.rotary_dim > config.head_dim) {
    return Error(path, absl::StrCat("rotation of ", config.rotary_dim, " elements of a head of ",
                                    config.head_dim, " has no meaning"));
  }
  if (!IsPositive(config.rms_epsilon)) {
    return Error(path,
                 absl::StrCat("the RMS norm's epsilon (", config.rms_epsilon, ") must be a positive number"));
  }
  for (const LayerConfig& layer : config.layers) {
    if (layer.window < 0 || layer.window > kMaxContext) {
      return Error(path, absl::StrCat("an attention window of ", layer.window, " positions has no meaning"));
    }
  }
  for (const RopeConfig& rope : config.ropes) PASS_RETURN_IF_ERROR(CheckRope(path, rope));
  return CheckFactors(path, config);
}

}  // namespace pass
