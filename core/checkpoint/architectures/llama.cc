// llama: Llama 2 and 3, Mistral 7B and Ministral 8B, SmolLM2, TinyLlama and what copies them. Mistral has a window in all
// layers, or none, and is of the same architecture in GGUF.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_llama.py.
constexpr HfDefaults kLlamaDefaults = {.vocab_size = 32000,
                                       .width = 4096,
                                       .ffn_width = 11008,
                                       .num_layers = 32,
                                       .num_heads = 32,
                                       .context_length = 2048};
// transformers, configuration_mistral.py.
constexpr HfDefaults kMistralDefaults = {.vocab_size = 32000,
                                         .width = 4096,
                                         .ffn_width = 14336,
                                         .num_layers = 32,
                                         .num_heads = 32,
                                         .num_kv_heads = 8,
                                         .context_length = 131072};

absl::Status ReadLlama(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(RefuseKeys(keys, {"sliding_window"}));
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kLlamaDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  return ReadHfRope(keys, config);
}

absl::Status ReadMistral(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kMistralDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config));
  return ReadWindowOfAllLayers(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadGgufRope(keys, config));
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("attention.sliding_window", 0));
  if (window > 0) config.layers.assign(static_cast<size_t>(config.num_layers), {.window = window});
  return absl::OkStatus();
}

constexpr HuggingFaceForm kForms[] = {{"llama", "LlamaForCausalLM", ReadLlama},
                                      {"mistral", "MistralForCausalLM", ReadMistral}};

}  // namespace

constexpr Architecture kLlama = {.name = "llama",
                                 .title = "Llama 2 and 3, Mistral, SmolLM2, TinyLlama and their like",
                                 .interleaves_pairs_in_gguf = true,
                                 .forms = kForms,
                                 .read_gguf = ReadGguf};

}  // namespace pass
