// qwen2: Qwen2, Qwen2.5 and what is distilled into them. Against Llama: biases on q, k and v, and a window in the later
// layers if the model asks for it.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_qwen2.py.
constexpr HfDefaults kDefaults = {.vocab_size = 151936,
                                  .width = 4096,
                                  .ffn_width = 22016,
                                  .num_layers = 32,
                                  .num_heads = 32,
                                  .num_kv_heads = 32,
                                  .context_length = 32768};

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config));
  config.qkv_bias = true;
  return ReadQwenWindows(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  config.qkv_bias = true;
  return ReadGgufRope(keys, config);
}

constexpr HuggingFaceForm kForms[] = {{"qwen2", "Qwen2ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kQwen2 = {
    .name = "qwen2", .title = "Qwen2 and 2.5", .forms = kForms, .read_gguf = ReadGguf};

}  // namespace pass
