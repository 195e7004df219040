// qwen3: the dense models of Qwen3. Against Llama: a norm of each query and key head, and heads of a width of their own.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_qwen3.py.
constexpr HfDefaults kDefaults = {.vocab_size = 151936,
                                  .width = 4096,
                                  .ffn_width = 22016,
                                  .num_layers = 32,
                                  .num_heads = 32,
                                  .num_kv_heads = 32,
                                  .head_dim = 128,
                                  .context_length = 32768};

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config));
  config.qk_norm = QkNorm::kHead;
  return ReadQwenWindows(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  config.qk_norm = QkNorm::kHead;
  return ReadGgufRope(keys, config);
}

constexpr HuggingFaceForm kForms[] = {{"qwen3", "Qwen3ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kQwen3 = {
    .name = "qwen3", .title = "Qwen3, dense", .forms = kForms, .read_gguf = ReadGguf};

}  // namespace pass
