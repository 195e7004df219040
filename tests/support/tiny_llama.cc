#include "tests/support/tiny_llama.h"

#include <random>
#include <span>

#include "absl/strings/str_replace.h"

namespace pass {
namespace {

constexpr int64_t kVocabulary = 8;
constexpr int64_t kWidth = 32;
constexpr int64_t kInner = 64;
constexpr int64_t kLayers = 2;
constexpr int64_t kHeads = 4;
constexpr int64_t kKvHeads = 2;
constexpr int64_t kHeadDim = 8;

// What llama.cpp's converter does to the rows of one projection: within a head, row (half, i) becomes row (i,
// half).
std::string Interleaved(const TinyTensor& tensor, int64_t heads) {
  const int64_t columns = tensor.shape[1];
  std::string data;
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t i = 0; i < kHeadDim / 2; ++i) {
      for (int64_t half = 0; half < 2; ++half) {
        const int64_t row = head * kHeadDim + half * (kHeadDim / 2) + i;
        data.append(reinterpret_cast<const char*>(&tensor.values[static_cast<size_t>(row * columns)]),
                    static_cast<size_t>(columns) * sizeof(float));
      }
    }
  }
  return data;
}

}  // namespace

TinyWeights MakeTinyWeights(bool tied) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> uniform(-1, 1);
  TinyWeights weights;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    size_t count = 1;
    for (const int64_t dimension : shape) count *= static_cast<size_t>(dimension);
    TinyTensor& tensor = weights[name];
    tensor.shape = std::move(shape);
    for (size_t i = 0; i < count; ++i) tensor.values.push_back(uniform(random));
  };
  add("model.embed_tokens.weight", {kVocabulary, kWidth});
  for (int64_t layer = 0; layer < kLayers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add(prefix + "input_layernorm.weight", {kWidth});
    add(prefix + "self_attn.q_proj.weight", {kHeads * kHeadDim, kWidth});
    add(prefix + "self_attn.k_proj.weight", {kKvHeads * kHeadDim, kWidth});
    add(prefix + "self_attn.v_proj.weight", {kKvHeads * kHeadDim, kWidth});
    add(prefix + "self_attn.o_proj.weight", {kWidth, kHeads * kHeadDim});
    add(prefix + "post_attention_layernorm.weight", {kWidth});
    add(prefix + "mlp.gate_proj.weight", {kInner, kWidth});
    add(prefix + "mlp.up_proj.weight", {kInner, kWidth});
    add(prefix + "mlp.down_proj.weight", {kWidth, kInner});
  }
  add("model.norm.weight", {kWidth});
  if (!tied) add("lm_head.weight", {kVocabulary, kWidth});
  return weights;
}

nlohmann::json TinyConfig(bool tied) {
  return {{"model_type", "llama"},
          {"architectures", {"LlamaForCausalLM"}},
          {"vocab_size", kVocabulary},
          {"hidden_size", kWidth},
          {"intermediate_size", kInner},
          {"num_hidden_layers", kLayers},
          {"num_attention_heads", kHeads},
          {"num_key_value_heads", kKvHeads},
          {"max_position_embeddings", 128},
          {"rms_norm_eps", 1e-5},
          {"rope_theta", 10000.0},
          {"rope_scaling", nullptr},
          {"hidden_act", "silu"},
          {"attention_bias", false},
          {"mlp_bias", false},
          {"tie_word_embeddings", tied}};
}

std::vector<TensorView> Views(const TinyWeights& weights) {
  std::vector<TensorView> views;
  for (const auto& [name, tensor] : weights) {
    views.push_back({.name = name,
                     .type = TensorType::kF32,
                     .shape = tensor.shape,
                     .data = std::as_bytes(std::span(tensor.values))});
  }
  return views;
}

std::string GgufName(const std::string& name) {
  return absl::StrReplaceAll(name, {{"model.embed_tokens", "token_embd"},
                                    {"model.layers", "blk"},
                                    {"input_layernorm", "attn_norm"},
                                    {"self_attn.q_proj", "attn_q"},
                                    {"self_attn.k_proj", "attn_k"},
                                    {"self_attn.v_proj", "attn_v"},
                                    {"self_attn.o_proj", "attn_output"},
                                    {"post_attention_layernorm", "ffn_norm"},
                                    {"mlp.gate_proj", "ffn_gate"},
                                    {"mlp.up_proj", "ffn_up"},
                                    {"mlp.down_proj", "ffn_down"},
                                    {"model.norm", "output_norm"},
                                    {"lm_head", "output"}});
}

GgufBuilder TinyGgufMetadata() {
  GgufBuilder builder;
  builder.AddString("general.architecture", "llama");
  builder.AddString("general.name", "Tiny Llama");
  builder.AddUint32("llama.block_count", kLayers);
  builder.AddUint32("llama.context_length", 128);
  builder.AddUint32("llama.embedding_length", kWidth);
  builder.AddUint32("llama.feed_forward_length", kInner);
  builder.AddUint32("llama.attention.head_count", kHeads);
  builder.AddUint32("llama.attention.head_count_kv", kKvHeads);
  builder.AddFloat32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  builder.AddFloat32("llama.rope.freq_base", 10000.0f);
  builder.AddUint32("llama.rope.dimension_count", kHeadDim);
  return builder;
}

GgufBuilder TinyGguf(const TinyWeights& weights) {
  GgufBuilder builder = TinyGgufMetadata();
  for (const auto& [name, tensor] : weights) {
    const bool is_q = name.find("q_proj") != std::string::npos;
    const bool is_k = name.find("k_proj") != std::string::npos;
    const std::string plain(reinterpret_cast<const char*>(tensor.values.data()),
                            tensor.values.size() * sizeof(float));
    builder.tensors.push_back({.name = GgufName(name),
                               .dimensions = {tensor.shape.rbegin(), tensor.shape.rend()},
                               .type = kGgmlF32,
                               .data = is_q || is_k ? Interleaved(tensor, is_q ? kHeads : kKvHeads) : plain,
                               .offset = {}});
  }
  return builder;
}

}  // namespace pass
