// mistral3: the text models of Ministral 3. Against Llama: YaRN whose magnitude cancels out, queries that grow with their
// position, and heads of a width of their own.
#include "core/base/status_macros.h"
#include "core/checkpoint/architectures/architectures.h"
#include "core/checkpoint/gguf_config.h"
#include "core/checkpoint/hf_config.h"

namespace pass {
namespace {

// transformers, configuration_ministral3.py.
constexpr HfDefaults kDefaults = {.vocab_size = 131072,
                                  .width = 4096,
                                  .ffn_width = 14336,
                                  .num_layers = 34,
                                  .num_heads = 32,
                                  .num_kv_heads = 8,
                                  .head_dim = 128,
                                  .context_length = 262144,
                                  .rms_epsilon = 1e-5};

absl::Status ReadFolder(const HfKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadHfSizes(keys, kDefaults, config));
  PASS_RETURN_IF_ERROR(RefuseOtherActivation(keys, "hidden_act", "silu"));
  PASS_ASSIGN_OR_RETURN(const std::optional<HfKeys> rope, keys.Object("rope_parameters"));
  if (!rope) return keys.Error("rope_parameters", "is missing; add it as the model's authors have it");
  PASS_RETURN_IF_ERROR(ReadHfRope(keys, config));
  PASS_ASSIGN_OR_RETURN(const double beta, rope->Number("llama_4_scaling_beta", 0));
  if (beta != 0) {
    QueryScaling& scaling = config.query_scaling.emplace();
    scaling.beta = static_cast<float>(beta);  // in GGUF it is an fp32 number
    PASS_ASSIGN_OR_RETURN(scaling.original_context_length, rope->Size("original_max_position_embeddings"));
  }
  return ReadWindowOfAllLayers(keys, config);
}

absl::Status ReadGguf(const GgufKeys& keys, ModelConfig& config) {
  PASS_RETURN_IF_ERROR(ReadGgufRope(keys, config));
  PASS_ASSIGN_OR_RETURN(const double beta, keys.Number("attention.temperature_scale", 0));
  if (beta != 0) {
    QueryScaling& scaling = config.query_scaling.emplace();
    scaling.beta = beta;
    PASS_ASSIGN_OR_RETURN(scaling.original_context_length, keys.Size("rope.scaling.original_context_length"));
  }
  return absl::OkStatus();
}

constexpr HuggingFaceForm kForms[] = {{"ministral3", "Ministral3ForCausalLM", ReadFolder}};

}  // namespace

constexpr Architecture kMistral3 = {.name = "mistral3",
                                    .title = "Ministral 3, text",
                                    .interleaves_pairs_in_gguf = true,
                                    .forms = kForms,
                                    .read_gguf = ReadGguf};

}  // namespace pass
