// olmo2: OLMo 2. Against Llama: norms behind attention and the feed-forward part and none before them, and one norm over
// all query heads and one over all key heads.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_olmo2.py.
constexpr HfDefaults kDefaults = {.vocab_size = 50304,
                                  .width = 4096,
                                  .ffn_width = 11008,
                                  .num_layers = 32,
                                  .num_heads = 32,
                                  .context_length = 2048,
                                  .rms_epsilon = 1e-5};

void ThrowSwitches(ModelConfig& config) {
  config.norm_placement = NormPlacement::kPost;
  config.qk_norm = QkNorm::kWhole;
}

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  ThrowSwitches(config);
  return ReadHfRope(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  ThrowSwitches(config);
  return ReadGgufRope(keys, config);
}

constexpr HuggingFaceForm kForms[] = {{"olmo2", "Olmo2ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kOlmo2 = {.name = "olmo2", .title = "OLMo 2", .forms = kForms, .read_gguf = ReadGguf};

}  // namespace pass
