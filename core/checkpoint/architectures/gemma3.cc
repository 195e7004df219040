// gemma3: the text models of Gemma 3. Against Llama: norms before and behind each part of a layer, whose weights folders
// hold less 1; a norm of each query and key head; GELU; embeddings times the root of their width; five layers with a
// window and a rotation of their own to one without a window.
#include <cmath>

#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

constexpr int32_t kPeriod = 6;  // every sixth layer has no window
constexpr int kGlobalRope = 0, kLocalRope = 1;
constexpr double kGlobalTheta = 1e6, kLocalTheta = 1e4;

// transformers, configuration_gemma3.py.
constexpr HfDefaults kDefaults = {.vocab_size = 262208,
                                  .width = 2304,
                                  .ffn_width = 9216,
                                  .num_layers = 26,
                                  .num_heads = 8,
                                  .num_kv_heads = 4,
                                  .head_dim = 256,
                                  .context_length = 131072,
                                  .tied_embeddings = true};

void ThrowSwitches(ModelConfig& config) {
  config.norm_placement = NormPlacement::kSandwich;
  config.qk_norm = QkNorm::kHead;
  config.activation = Activation::kGeluTanh;
  config.embedding_multiplier = std::sqrt(static_cast<double>(config.width));
  config.ropes = {{.theta = kGlobalTheta}, {.theta = kLocalTheta}};
}

void RotateWindowsLocally(ModelConfig& config) {
  for (LayerConfig& layer : config.layers) layer.rope = layer.window > 0 ? kLocalRope : kGlobalRope;
}

// transformers 4: rope_theta, rope_scaling of the layers without a window, rope_local_base_freq; 5: an object for each.
absl::Status ReadRopes(const HfKeys& keys, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(const std::optional<HfKeys> both, keys.Object("rope_parameters"));
  if (!both) {
    PASS_ASSIGN_OR_RETURN(config.ropes[kLocalRope].theta, keys.Number("rope_local_base_freq", kLocalTheta));
    return ReadHfRope(keys, config, kGlobalTheta);
  }
  const auto read = [&](const char* key, int rope) {
    const auto parameters = both->Object(key);
    if (!parameters.ok()) return parameters.status();
    return *parameters ? ReadRopeParameters(**parameters, key, config, config.ropes[rope]) : absl::OkStatus();
  };
  PASS_RETURN_IF_ERROR(read("full_attention", kGlobalRope));
  return read("sliding_attention", kLocalRope);
}

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_activation", "gelu_pytorch_tanh"));
  PASS_ASSIGN_OR_RETURN(const bool sees_later_tokens, keys.Flag("use_bidirectional_attention"));
  if (sees_later_tokens) {
    return keys.Error("use_bidirectional_attention", "is true, which is not served; use a causal model");
  }
  ThrowSwitches(config);
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  PASS_RETURN_IF_ERROR(ReadRopes(keys, config));
  PASS_ASSIGN_OR_RETURN(const double scalar, keys.Number("query_pre_attn_scalar", 256));
  if (!(scalar > 0)) return keys.Error("query_pre_attn_scalar", "must be above 0; correct it");
  config.attention_scale = 1.0 / std::sqrt(scalar);
  PASS_ASSIGN_OR_RETURN(config.attention_softcap, keys.Number("attn_logit_softcapping", 0));
  PASS_ASSIGN_OR_RETURN(config.logits_softcap, keys.Number("final_logit_softcapping", 0));
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("sliding_window", 4096));
  PASS_ASSIGN_OR_RETURN(const int32_t period, keys.Size("sliding_window_pattern", kPeriod));
  PASS_RETURN_IF_ERROR(ReadLayerTypes(
      keys, window, [&](int layer) { return period > 0 && (layer + 1) % period != 0; }, config));
  RotateWindowsLocally(config);
  return absl::OkStatus();
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  ThrowSwitches(config);
  PASS_RETURN_IF_ERROR(ReadGgufRope(keys, config, kGlobalTheta));
  PASS_ASSIGN_OR_RETURN(config.ropes[kLocalRope].theta, keys.Number("rope.freq_base_swa", kLocalTheta));
  // The largest model alone scales by the width that its heads would have without a width of their own (llama.cpp).
  constexpr int kLayersOfTheLargest = 62;
  config.attention_scale = 1.0 / std::sqrt(config.num_layers == kLayersOfTheLargest
                                               ? static_cast<double>(config.width) / config.num_heads
                                               : static_cast<double>(config.head_dim));
  PASS_ASSIGN_OR_RETURN(config.logits_softcap, keys.Number("final_logit_softcapping", 0));
  PASS_RETURN_IF_ERROR(ReadGgufWindows(keys, kPeriod, config));
  RotateWindowsLocally(config);
  return absl::OkStatus();
}

constexpr HuggingFaceForm kForms[] = {{"gemma3_text", "Gemma3ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kGemma3 = {.name = "gemma3",
                                  .title = "Gemma 3, text",
                                  .lacks_one_in_folders = true,
                                  .forms = kForms,
                                  .read_gguf = ReadGguf};

}  // namespace pass
