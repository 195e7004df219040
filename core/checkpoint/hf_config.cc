#include "core/checkpoint/hf_config.h"

#include <cmath>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint_layout.h"
#include "core/checkpoint/served.h"
#include "core/files/json.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr uint64_t kMaxConfigBytes = 1 << 20;

// Typed members of one JSON object; a null counts as absent, as it does in transformers.
class Members {
 public:
  Members(const std::string& path, const nlohmann::json& object) : path_(path), object_(object) {}

  const nlohmann::json* Find(const char* key) const {
    const auto member = object_.find(key);
    return member == object_.end() || member->is_null() ? nullptr : &*member;
  }

  absl::Status Error(const char* key, const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": ", key, " ", what));
  }

  // A whole number, which some programs write as 64.0.
  absl::StatusOr<int32_t> Size(const char* key, std::optional<int32_t> absent = {}) const {
    const nlohmann::json* member = Find(key);
    if (member == nullptr && absent) return *absent;
    if (member == nullptr) return Missing(key);
    constexpr int32_t kLargest = std::numeric_limits<int32_t>::max();
    const double value = member->is_number() ? member->get<double>() : -1;
    if (!(value >= 0 && value <= kLargest && value == std::floor(value))) {
      return WrongValue(key, absl::StrCat("a whole number of 0 to ", kLargest), *member);
    }
    return static_cast<int32_t>(value);
  }

  absl::StatusOr<double> Number(const char* key, std::optional<double> absent = {}) const {
    const nlohmann::json* member = Find(key);
    if (member == nullptr && absent) return *absent;
    if (member == nullptr) return Missing(key);
    if (!member->is_number()) return WrongValue(key, "a number", *member);
    return member->get<double>();
  }

  absl::StatusOr<bool> Flag(const char* key) const {
    const nlohmann::json* member = Find(key);
    if (member == nullptr) return false;
    if (!member->is_boolean()) return WrongValue(key, "true or false", *member);
    return member->get<bool>();
  }

  absl::StatusOr<std::string> Text(const char* key, std::string_view absent) const {
    const nlohmann::json* member = Find(key);
    if (member == nullptr) return std::string(absent);
    if (!member->is_string()) return WrongValue(key, "a string", *member);
    return member->get<std::string>();
  }

 private:
  absl::Status Missing(const char* key) const {
    return Error(key, "is missing; add it as the model's authors have it");
  }
  absl::Status WrongValue(const char* key, const std::string& wanted, const nlohmann::json& found) const {
    const std::string text = found.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return Error(key, absl::StrCat("must be ", wanted, ", not ", Printable(text), "; correct it"));
  }

  const std::string& path_;
  const nlohmann::json& object_;
};

absl::Status RefuseOtherModels(const Members& config) {
  PASS_ASSIGN_OR_RETURN(const std::string type, config.Text("model_type", "(none)"));
  if (type != "llama") {
    return config.Error("model_type", absl::StrCat("is ", Printable(type),
                                                   ", which is not served; use a model of one that is: ",
                                                   kServedArchitectures));
  }
  if (const nlohmann::json* architectures = config.Find("architectures")) {
    if (*architectures != nlohmann::json::array({"LlamaForCausalLM"})) {
      return config.Error("architectures", "must be LlamaForCausalLM; use a causal Llama");
    }
  }
  PASS_ASSIGN_OR_RETURN(const std::string activation, config.Text("hidden_act", "silu"));
  if (activation != "silu") {
    return config.Error(
        "hidden_act", absl::StrCat("is ", Printable(activation), ", only silu is served; use another model"));
  }
  for (const char* key : {"attention_bias", "mlp_bias"}) {
    PASS_ASSIGN_OR_RETURN(const bool has_bias, config.Flag(key));
    if (has_bias) return config.Error(key, "is true, biases are not served; use another model");
  }
  for (const char* key : {"sliding_window", "quantization_config"}) {
    if (config.Find(key) != nullptr)
      return config.Error(key, "is set, which is not served; use a model without it");
  }
  PASS_ASSIGN_OR_RETURN(const double rotary_part, config.Number("partial_rotary_factor", 1.0));
  if (rotary_part != 1.0) return config.Error("partial_rotary_factor", "must be 1; use another model");
  return absl::OkStatus();
}

// transformers 4 has rope_theta beside rope_scaling, transformers 5 both in rope_parameters.
absl::Status ReadRope(const std::string& path, const Members& config, LlamaConfig& llama) {
  PASS_ASSIGN_OR_RETURN(llama.rope_theta, config.Number("rope_theta", 10000.0));
  const char* key = config.Find("rope_parameters") != nullptr ? "rope_parameters" : "rope_scaling";
  const nlohmann::json* parameters = config.Find(key);
  if (parameters == nullptr) return absl::OkStatus();
  if (!parameters->is_object()) return config.Error(key, "is not an object; correct it");
  const Members rope(path, *parameters);
  PASS_ASSIGN_OR_RETURN(llama.rope_theta, rope.Number("rope_theta", llama.rope_theta));
  PASS_ASSIGN_OR_RETURN(const double rotary_part, rope.Number("partial_rotary_factor", 1.0));
  if (rotary_part != 1.0) return config.Error("partial_rotary_factor", "must be 1; use another model");
  PASS_ASSIGN_OR_RETURN(const std::string older_type, rope.Text("type", "default"));
  PASS_ASSIGN_OR_RETURN(const std::string type, rope.Text("rope_type", older_type));
  if (type == "default") return absl::OkStatus();
  if (type == "linear") {
    PASS_ASSIGN_OR_RETURN(llama.rope_linear_factor, rope.Number("factor"));
    return absl::OkStatus();
  }
  if (type != "llama3") {
    return config.Error(key,
                        absl::StrCat("of type ", Printable(type),
                                     " is not served (default, linear and llama3 are); use another model"));
  }
  Llama3RopeScaling& scaling = llama.rope_scaling.emplace();
  PASS_ASSIGN_OR_RETURN(scaling.factor, rope.Number("factor"));
  PASS_ASSIGN_OR_RETURN(scaling.low_freq_factor, rope.Number("low_freq_factor"));
  PASS_ASSIGN_OR_RETURN(scaling.high_freq_factor, rope.Number("high_freq_factor"));
  PASS_ASSIGN_OR_RETURN(scaling.original_context_length, rope.Size("original_max_position_embeddings"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LlamaConfig> ReadHuggingFaceConfig(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonObject(path, kMaxConfigBytes));
  const Members config(path, json);
  PASS_RETURN_IF_ERROR(RefuseOtherModels(config));
  LlamaConfig llama;
  // What is absent is what transformers takes then (configuration_llama.py). A wrong guess shows in the tensors' shapes.
  PASS_ASSIGN_OR_RETURN(llama.vocab_size, config.Size("vocab_size", 32000));
  PASS_ASSIGN_OR_RETURN(llama.width, config.Size("hidden_size", 4096));
  PASS_ASSIGN_OR_RETURN(llama.ffn_width, config.Size("intermediate_size", 11008));
  PASS_ASSIGN_OR_RETURN(llama.num_layers, config.Size("num_hidden_layers", 32));
  PASS_ASSIGN_OR_RETURN(llama.num_heads, config.Size("num_attention_heads", 32));
  PASS_ASSIGN_OR_RETURN(llama.num_kv_heads, config.Size("num_key_value_heads", llama.num_heads));
  if (llama.num_heads <= 0) return config.Error("num_attention_heads", "is 0; correct it");
  PASS_ASSIGN_OR_RETURN(llama.head_dim,
                        config.Size("head_dim", static_cast<int32_t>(llama.width / llama.num_heads)));
  PASS_ASSIGN_OR_RETURN(llama.context_length, config.Size("max_position_embeddings", 2048));
  PASS_ASSIGN_OR_RETURN(llama.rms_epsilon, config.Number("rms_norm_eps", 1e-6));
  PASS_ASSIGN_OR_RETURN(llama.tied_embeddings, config.Flag("tie_word_embeddings"));
  PASS_RETURN_IF_ERROR(ReadRope(path, config, llama));
  PASS_RETURN_IF_ERROR(ValidateConfig(path, llama));
  return llama;
}

}  // namespace pass
