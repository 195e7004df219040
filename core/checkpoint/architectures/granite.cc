// granite: the dense models of Granite 3 and 4. Against Llama: multipliers of embeddings, of what a block adds and of
// scores, and a divisor of the logits.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_granite.py.
constexpr HfDefaults kDefaults = {.vocab_size = 32000,
                                  .width = 4096,
                                  .ffn_width = 11008,
                                  .num_layers = 32,
                                  .num_heads = 32,
                                  .context_length = 2048};

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_RETURN_IF_ERROR(ReadAttentionBias(keys, config));
  PASS_ASSIGN_OR_RETURN(config.embedding_multiplier, keys.Number("embedding_multiplier", 1.0));
  PASS_ASSIGN_OR_RETURN(config.residual_multiplier, keys.Number("residual_multiplier", 1.0));
  PASS_ASSIGN_OR_RETURN(config.attention_scale, keys.Number("attention_multiplier", 1.0));
  PASS_ASSIGN_OR_RETURN(const double divisor, keys.Number("logits_scaling", 1.0));
  if (!(divisor > 0)) return keys.Error("logits_scaling", "must be above 0; correct it");
  config.logits_multiplier = 1.0 / static_cast<float>(divisor);  // in GGUF it is an fp32 number
  return ReadHfRope(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  const auto factor = [&](std::string_view key) -> absl::StatusOr<double> {
    PASS_ASSIGN_OR_RETURN(const double value, keys.Number(key, 0));
    return value == 0 ? 1.0 : value;  // 0 is none, as llama.cpp has it
  };
  PASS_ASSIGN_OR_RETURN(config.embedding_multiplier, factor("embedding_scale"));
  PASS_ASSIGN_OR_RETURN(config.residual_multiplier, factor("residual_scale"));
  PASS_ASSIGN_OR_RETURN(config.attention_scale, keys.Number("attention.scale", 0));
  PASS_ASSIGN_OR_RETURN(const double divisor, factor("logit_scale"));
  config.logits_multiplier = 1.0 / divisor;
  return ReadGgufRope(keys, config);
}

constexpr HuggingFaceForm kForms[] = {{"granite", "GraniteForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kGranite = {.name = "granite",
                                   .title = "Granite 3 and 4, dense",
                                   .interleaves_pairs_in_gguf = true,
                                   .forms = kForms,
                                   .read_gguf = ReadGguf};

}  // namespace pass
