// smollm3: SmolLM3. Against Llama: every fourth layer does not rotate queries and keys.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

constexpr int32_t kInterval = 4;

// transformers, configuration_smollm3.py.
constexpr HfDefaults kDefaults = {.vocab_size = 128256,
                                  .width = 2048,
                                  .ffn_width = 11008,
                                  .num_layers = 36,
                                  .num_heads = 16,
                                  .num_kv_heads = 4,
                                  .context_length = 32768,
                                  .tied_embeddings = true};
constexpr double kTheta = 2e6;

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config, kTheta));
  PASS_ASSIGN_OR_RETURN(const auto rotates, keys.Sizes("no_rope_layers", config.num_layers));
  PASS_ASSIGN_OR_RETURN(const int32_t interval, keys.Size("no_rope_layer_interval", kInterval));
  if (interval < 1) return keys.Error("no_rope_layer_interval", "is 0; correct it");
  const auto has_rope = [&](int layer) {
    return rotates ? (*rotates)[static_cast<size_t>(layer)] != 0 : (layer + 1) % interval != 0;
  };
  PASS_ASSIGN_OR_RETURN(const bool slides, keys.Flag("use_sliding_window"));
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("sliding_window", 0));
  if (slides) {
    PASS_RETURN_IF_ERROR(ReadLayerTypes(
        keys, window, [&](int layer) { return window > 0 && !has_rope(layer); }, config));
  }
  config.layers.resize(static_cast<size_t>(config.num_layers));
  for (int i = 0; i < config.num_layers; ++i) {
    if (!has_rope(i)) config.layers[static_cast<size_t>(i)].rope = kNoRope;
  }
  return absl::OkStatus();
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadGgufRope(keys, config));
  // No key says so; llama.cpp takes every fourth layer too.
  config.layers.resize(static_cast<size_t>(config.num_layers));
  for (size_t i = kInterval - 1; i < config.layers.size(); i += kInterval) config.layers[i].rope = kNoRope;
  return absl::OkStatus();
}

constexpr HuggingFaceForm kForms[] = {{"smollm3", "SmolLM3ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kSmolLm3 = {.name = "smollm3",
                                   .title = "SmolLM3",
                                   .interleaves_pairs_in_gguf = true,
                                   .forms = kForms,
                                   .read_gguf = ReadGguf};

}  // namespace pass
