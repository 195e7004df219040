// gemma2: Gemma 2. Against Gemma 3: soft caps of scores and logits in place of head norms, a window in every other layer
// and one rotation.
#include <cmath>

#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

constexpr int32_t kPeriod = 2;  // every second layer has no window
constexpr int32_t kWindow = 4096;
constexpr double kAttentionSoftcap = 50.0, kLogitsSoftcap = 30.0;

// transformers, configuration_gemma2.py.
constexpr HfDefaults kDefaults = {.vocab_size = 256000,
                                  .width = 2304,
                                  .ffn_width = 9216,
                                  .num_layers = 26,
                                  .num_heads = 8,
                                  .num_kv_heads = 4,
                                  .head_dim = 256,
                                  .context_length = 8192,
                                  .tied_embeddings = true};

void ThrowSwitches(ModelConfig& config) {
  config.norm_placement = NormPlacement::kSandwich;
  config.activation = Activation::kGeluTanh;
  config.embedding_multiplier = std::sqrt(static_cast<double>(config.width));
}

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_activation", "gelu_pytorch_tanh"));
  ThrowSwitches(config);
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config));
  PASS_ASSIGN_OR_RETURN(const double scalar, keys.Number("query_pre_attn_scalar", 256));
  if (!(scalar > 0)) return keys.Error("query_pre_attn_scalar", "must be above 0; correct it");
  config.attention_scale = 1.0 / std::sqrt(scalar);
  PASS_ASSIGN_OR_RETURN(config.attention_softcap, keys.Number("attn_logit_softcapping", kAttentionSoftcap));
  PASS_ASSIGN_OR_RETURN(config.logits_softcap, keys.Number("final_logit_softcapping", kLogitsSoftcap));
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("sliding_window", kWindow));
  return ReadLayerTypes(
      keys, window, [](int layer) { return (layer + 1) % kPeriod != 0; }, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  ThrowSwitches(config);
  PASS_RETURN_IF_ERROR(ReadGgufRope(keys, config));
  // The largest model alone scales by the width that its heads would have without a width of their own (llama.cpp).
  constexpr int kLayersOfTheLargest = 46;
  config.attention_scale = 1.0 / std::sqrt(config.num_layers == kLayersOfTheLargest
                                               ? static_cast<double>(config.width) / config.num_heads
                                               : static_cast<double>(config.head_dim));
  PASS_ASSIGN_OR_RETURN(config.attention_softcap, keys.Number("attn_logit_softcapping", kAttentionSoftcap));
  PASS_ASSIGN_OR_RETURN(config.logits_softcap, keys.Number("final_logit_softcapping", kLogitsSoftcap));
  return ReadGgufWindows(keys, kPeriod, config, kWindow);
}

constexpr HuggingFaceForm kForms[] = {{"gemma2", "Gemma2ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kGemma2 = {.name = "gemma2",
                                  .title = "Gemma 2",
                                  .lacks_one_in_folders = true,
                                  .forms = kForms,
                                  .read_gguf = ReadGguf};

}  // namespace pass
