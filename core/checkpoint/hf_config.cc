#include "core/checkpoint/hf_config.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/json.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;

// Models of several parts, whose text model has its configuration in text_config.
constexpr std::string_view kWithOtherParts[] = {"gemma3", "mistral3"};

// The feature set that no served family has.
absl::Status RefuseFeatures(const HfKeys& keys) {
  PASS_ASSIGN_OR_RETURN(const bool has_bias, keys.Flag("mlp_bias"));
  if (has_bias)
    return keys.Error("mlp_bias",
                      "is true, biases of the feed-forward part are not served; use another model");
  PASS_RETURN_IF_ERROR(RefuseKeys(keys, {"quantization_config"}));
  PASS_ASSIGN_OR_RETURN(const double rotary_part, keys.Number("partial_rotary_factor", 1.0));
  if (rotary_part != 1.0) return keys.Error("partial_rotary_factor", "must be 1; use another model");
  return absl::OkStatus();
}

absl::Status CheckClass(const HfKeys& keys, const HuggingFaceForm& form) {
  const nlohmann::json* classes = keys.Find("architectures");
  const std::string wanted(form.model_class);
  if (classes == nullptr || *classes == nlohmann::json::array({wanted})) return absl::OkStatus();
  return keys.Error("architectures",
                    absl::StrCat("must be ", wanted, "; use a causal language model of this family"));
}

absl::Status ReadLlama3(const HfKeys& rope, Llama3RopeScaling& scaling) {
  PASS_ASSIGN_OR_RETURN(scaling.factor, rope.Number("factor"));
  PASS_ASSIGN_OR_RETURN(scaling.low_freq_factor, rope.Number("low_freq_factor"));
  PASS_ASSIGN_OR_RETURN(scaling.high_freq_factor, rope.Number("high_freq_factor"));
  PASS_ASSIGN_OR_RETURN(scaling.original_context_length, rope.Size("original_max_position_embeddings"));
  return absl::OkStatus();
}

// transformers, modeling_rope_utils.py, _compute_yarn_parameters.
absl::Status ReadYarn(const HfKeys& rope, const ModelConfig& config, YarnRopeScaling& yarn) {
  PASS_ASSIGN_OR_RETURN(yarn.original_context_length,
                        rope.Size("original_max_position_embeddings", config.context_length));
  PASS_ASSIGN_OR_RETURN(yarn.factor, rope.Number("factor", static_cast<double>(config.context_length) /
                                                               yarn.original_context_length));
  PASS_ASSIGN_OR_RETURN(yarn.beta_fast, rope.Number("beta_fast", yarn.beta_fast));
  PASS_ASSIGN_OR_RETURN(yarn.beta_slow, rope.Number("beta_slow", yarn.beta_slow));
  PASS_ASSIGN_OR_RETURN(yarn.whole_bounds, rope.Flag("truncate", true));
  PASS_ASSIGN_OR_RETURN(const double mscale, rope.Number("mscale", 0));
  PASS_ASSIGN_OR_RETURN(const double mscale_all_dim, rope.Number("mscale_all_dim", 0));
  const double both = mscale != 0 && mscale_all_dim != 0
                          ? YarnMagnitude(yarn.factor, mscale) / YarnMagnitude(yarn.factor, mscale_all_dim)
                          : YarnMagnitude(yarn.factor, 1.0);
  PASS_ASSIGN_OR_RETURN(yarn.attention_factor, rope.Number("attention_factor", both));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadHfSizes(const HfKeys& keys, const HfDefaults& defaults, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(config.vocab_size, keys.Size("vocab_size", defaults.vocab_size));
  PASS_ASSIGN_OR_RETURN(config.width, keys.Size("hidden_size", defaults.width));
  PASS_ASSIGN_OR_RETURN(config.ffn_width, keys.Size("intermediate_size", defaults.ffn_width));
  PASS_ASSIGN_OR_RETURN(config.num_layers, keys.Size("num_hidden_layers", defaults.num_layers));
  PASS_ASSIGN_OR_RETURN(config.num_heads, keys.Size("num_attention_heads", defaults.num_heads));
  const int32_t kv_heads = defaults.num_kv_heads > 0 ? defaults.num_kv_heads : config.num_heads;
  PASS_ASSIGN_OR_RETURN(config.num_kv_heads, keys.Size("num_key_value_heads", kv_heads));
  if (config.num_heads <= 0) return keys.Error("num_attention_heads", "is 0; correct it");
  const auto divided = static_cast<int32_t>(config.width / config.num_heads);
  PASS_ASSIGN_OR_RETURN(config.head_dim,
                        keys.Size("head_dim", defaults.head_dim > 0 ? defaults.head_dim : divided));
  PASS_ASSIGN_OR_RETURN(config.context_length, keys.Size("max_position_embeddings", defaults.context_length));
  PASS_ASSIGN_OR_RETURN(config.rms_epsilon, keys.Number("rms_norm_eps", defaults.rms_epsilon));
  PASS_ASSIGN_OR_RETURN(config.tied_embeddings, keys.Flag("tie_word_embeddings", defaults.tied_embeddings));
  return CheckNumberOfLayers(keys.path(), config);
}

absl::Status RefuseKeys(const HfKeys& keys, std::initializer_list<const char*> names) {
  for (const char* key : names) {
    if (keys.Find(key) != nullptr)
      return keys.Error(key, "is set, which is not served; use a model without it");
  }
  return absl::OkStatus();
}

absl::Status RefuseOtherActivation(const HfKeys& keys, const char* key, const std::string& served) {
  PASS_ASSIGN_OR_RETURN(const std::string activation, keys.Text(key, served));
  if (activation == served) return absl::OkStatus();
  return keys.Error(key, absl::StrCat("is ", Printable(activation), ", only ", served,
                                      " is served for this architecture; use another model"));
}

absl::Status ReadAttentionBias(const HfKeys& keys, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(config.qkv_bias, keys.Flag("attention_bias"));
  config.attention_out_bias = config.qkv_bias;
  return absl::OkStatus();
}

absl::Status ReadRopeParameters(const HfKeys& parameters, const char* key, ModelConfig& config,
                                RopeConfig& rope) {
  PASS_ASSIGN_OR_RETURN(rope.theta, parameters.Number("rope_theta", rope.theta));
  PASS_ASSIGN_OR_RETURN(const double rotary_part, parameters.Number("partial_rotary_factor", 1.0));
  if (rotary_part != 1.0) return parameters.Error("partial_rotary_factor", "must be 1; use another model");
  PASS_ASSIGN_OR_RETURN(const std::string older_type, parameters.Text("type", "default"));
  PASS_ASSIGN_OR_RETURN(const std::string type, parameters.Text("rope_type", older_type));
  if (type == "default") return absl::OkStatus();
  if (type == "linear") {
    PASS_ASSIGN_OR_RETURN(rope.linear_factor, parameters.Number("factor"));
    return absl::OkStatus();
  }
  if (type == "llama3") return ReadLlama3(parameters, rope.llama3.emplace());
  if (type == "yarn") return ReadYarn(parameters, config, rope.yarn.emplace());
  return parameters.Error(
      key, absl::StrCat("of type ", Printable(type),
                        " is not served (default, linear, llama3 and yarn are); use another model"));
}

absl::Status ReadHfRope(const HfKeys& keys, ModelConfig& config, double theta) {
  RopeConfig& rope = config.ropes[0];
  PASS_ASSIGN_OR_RETURN(rope.theta, keys.Number("rope_theta", theta));
  const char* key = keys.Find("rope_parameters") != nullptr ? "rope_parameters" : "rope_scaling";
  PASS_ASSIGN_OR_RETURN(const std::optional<HfKeys> parameters, keys.Object(key));
  return parameters ? ReadRopeParameters(*parameters, key, config, rope) : absl::OkStatus();
}

absl::Status ReadWindowOfAllLayers(const HfKeys& keys, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("sliding_window", 0));
  if (window > 0) config.layers.assign(static_cast<size_t>(config.num_layers), {.window = window});
  return absl::OkStatus();
}

absl::Status ReadLayerTypes(const HfKeys& keys, int32_t window, const std::function<bool(int layer)>& slides,
                            ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(const auto types, keys.Texts("layer_types", config.num_layers));
  config.layers.resize(static_cast<size_t>(config.num_layers));
  for (int i = 0; i < config.num_layers; ++i) {
    const std::string type = types       ? (*types)[static_cast<size_t>(i)]
                             : slides(i) ? "sliding_attention"
                                         : "full_attention";
    if (type != "sliding_attention" && type != "full_attention") {
      return keys.Error(
          "layer_types",
          absl::StrCat("has ", Printable(type),
                       ", only sliding_attention and full_attention are served; use another model"));
    }
    if (type == "full_attention") continue;
    if (window < 1) return keys.Error("sliding_window", "is missing, and layer_types ask for it; correct it");
    config.layers[static_cast<size_t>(i)].window = window;
  }
  return absl::OkStatus();
}

absl::Status ReadQwenWindows(const HfKeys& keys, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(const bool slides, keys.Flag("use_sliding_window"));
  if (!slides) return absl::OkStatus();
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("sliding_window", 4096));
  PASS_ASSIGN_OR_RETURN(const int32_t first, keys.Size("max_window_layers", 28));
  return ReadLayerTypes(
      keys, window, [first](int layer) { return layer >= first; }, config);
}

absl::StatusOr<HfConfig> ReadHuggingFaceConfig(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonObject(path, kMaxConfigBytes));
  const HfKeys outer(path, json);
  PASS_ASSIGN_OR_RETURN(std::string type, outer.Text("model_type", "(none)"));
  PASS_ASSIGN_OR_RETURN(const std::optional<HfKeys> text, outer.Object("text_config"));
  const bool has_other_parts = text && std::ranges::find(kWithOtherParts, type) != std::end(kWithOtherParts);
  const HfKeys& keys = has_other_parts ? *text : outer;
  if (has_other_parts) {
    PASS_ASSIGN_OR_RETURN(type, text->Text("model_type", absl::StrCat(type, "_text")));
  }
  PASS_ASSIGN_OR_RETURN(const FoundForm found, FindHuggingFaceForm(path + ": model_type", type));
  if (!has_other_parts) PASS_RETURN_IF_ERROR(CheckClass(keys, *found.form));
  PASS_RETURN_IF_ERROR(RefuseFeatures(outer));
  PASS_RETURN_IF_ERROR(RefuseFeatures(keys));
  HfConfig read{.config = {}, .architecture = found.architecture, .has_other_parts = has_other_parts};
  read.config.architecture = std::string(found.architecture->name);
  PASS_RETURN_IF_ERROR(found.form->read(keys, read.config));
  PASS_RETURN_IF_ERROR(ValidateConfig(path, read.config));
  return read;
}

}  // namespace pass
