#include "core/checkpoint/gguf_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/dequantize.h"
#include "core/files/printable.h"

namespace pass {
namespace {

absl::StatusOr<const Architecture*> ArchitectureOf(const GgufFile& file) {
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> name, file.FindString("general.architecture"));
  return FindGgufArchitecture(file.path() + ": architecture", name.value_or("(none)"));
}

// As llama.cpp reads it: a factor without a type is linear, the older key stands in for the newer one, a factor of 0
// is none.
absl::StatusOr<double> ReadScalingFactor(const GgufKeys& keys) {
  PASS_ASSIGN_OR_RETURN(const double older, keys.Number("rope.scale_linear", 0));
  PASS_ASSIGN_OR_RETURN(const double factor, keys.Number("rope.scaling.factor", older));
  return factor == 0 ? 1.0 : factor;
}

// yarn_log_multiplier is transformers' mscale_all_dim: where it is given, the magnitude that YaRN asks for cancels out
// (llama.cpp, models/mistral3.cpp).
absl::Status ReadYarn(const GgufKeys& keys, const ModelConfig& config, YarnRopeScaling& yarn) {
  PASS_ASSIGN_OR_RETURN(yarn.factor, ReadScalingFactor(keys));
  PASS_ASSIGN_OR_RETURN(yarn.original_context_length,
                        keys.Size("rope.scaling.original_context_length", config.context_length));
  PASS_ASSIGN_OR_RETURN(yarn.beta_fast, keys.Number("rope.scaling.yarn_beta_fast", yarn.beta_fast));
  PASS_ASSIGN_OR_RETURN(yarn.beta_slow, keys.Number("rope.scaling.yarn_beta_slow", yarn.beta_slow));
  PASS_ASSIGN_OR_RETURN(const double log_multiplier, keys.Number("rope.scaling.yarn_log_multiplier", 0));
  PASS_ASSIGN_OR_RETURN(const double attention_factor, keys.Number("rope.scaling.yarn_attn_factor", 1));
  yarn.attention_factor =
      attention_factor * (log_multiplier != 0 ? 1.0 : YarnMagnitude(yarn.factor, /*mscale=*/1.0));
  return absl::OkStatus();
}

// What llama3 scaling divides frequency `i` by (transformers, modeling_rope_utils.py).
double RopeDivisor(const ModelConfig& config, const Llama3RopeScaling& scaling, int i) {
  const double frequency = std::pow(config.ropes[0].theta, -2.0 * i / config.head_dim);
  const double turns = scaling.original_context_length * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return 1;
  if (turns < scaling.low_freq_factor) return scaling.factor;
  const double smooth =
      (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return 1 / ((1 - smooth) / scaling.factor + smooth);
}

absl::StatusOr<std::optional<Llama3RopeScaling>> ReadLlama3(const GgufKeys& keys, const ModelConfig& config) {
  const TensorView* view = keys.FindTensor(kGgufRopeFactors);
  if (view == nullptr) return std::nullopt;
  if (view->shape != std::vector<int64_t>{config.head_dim / 2}) {
    return keys.Error(absl::StrCat("tensor '", kGgufRopeFactors, "' must have shape [", config.head_dim / 2,
                                   "]; convert the model again"));
  }
  std::vector<float> divisors(static_cast<size_t>(config.head_dim / 2));
  Dequantize(view->type, view->data, divisors);
  // Factors 1 and 4 and 8192 positions are those of all of them; only `factor` differs, and the slowest pair
  // shows it.
  const Llama3RopeScaling scaling{.factor = divisors.back()};
  for (int i = 0; i < config.head_dim / 2; ++i) {
    const double expected = RopeDivisor(config, scaling, i);
    if (!(std::abs(divisors[static_cast<size_t>(i)] - expected) <= 1e-3 * expected)) {
      return keys.Error(
          absl::StrCat("tensor '", kGgufRopeFactors,
                       "' is not the rope scaling of a published Llama 3, which alone is served; use "
                       "the Hugging Face folder of this model"));
    }
  }
  return scaling;
}

absl::Status ReadSizes(const GgufKeys& keys, ModelConfig& config) {
  PASS_ASSIGN_OR_RETURN(config.width, keys.Size("embedding_length"));
  PASS_ASSIGN_OR_RETURN(config.ffn_width, keys.Size("feed_forward_length"));
  PASS_ASSIGN_OR_RETURN(config.num_layers, keys.Size("block_count"));
  PASS_ASSIGN_OR_RETURN(config.num_heads, keys.Size("attention.head_count"));
  PASS_ASSIGN_OR_RETURN(config.num_kv_heads, keys.Size("attention.head_count_kv", config.num_heads));
  PASS_ASSIGN_OR_RETURN(config.context_length, keys.Size("context_length"));
  PASS_ASSIGN_OR_RETURN(config.rms_epsilon, keys.Number("attention.layer_norm_rms_epsilon", 1e-5));
  if (config.num_heads <= 0)
    return keys.Error(keys.Name("attention.head_count") + " is 0; convert the model again");
  PASS_ASSIGN_OR_RETURN(config.head_dim, keys.Size("attention.key_length",
                                                   static_cast<int32_t>(config.width / config.num_heads)));
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    PASS_ASSIGN_OR_RETURN(const int32_t value, keys.Size(key, config.head_dim));
    if (value != config.head_dim) {
      return keys.Error(absl::StrCat(keys.Name(key), " is ", value, ", only the width of a head, ",
                                     config.head_dim, ", is served; use another model"));
    }
  }
  return CheckNumberOfLayers(keys.file().path(), config);
}

// What the file's tensors say of the model.
absl::Status ReadFromTensors(const GgufKeys& keys, ModelConfig& config) {
  const TensorView* table = keys.FindTensor("token_embd.weight");
  if (table == nullptr) return keys.Error("tensor 'token_embd.weight' is missing; download the model again");
  config.vocab_size = table->shape[0];
  PASS_ASSIGN_OR_RETURN(const int32_t declared, keys.Size("vocab_size", 0));
  if (declared != 0 && declared != config.vocab_size) {
    return keys.Error(absl::StrCat(keys.Name("vocab_size"), " is ", declared,
                                   " and tensor 'token_embd.weight' has ", config.vocab_size,
                                   " rows; convert the model again"));
  }
  config.tied_embeddings = keys.FindTensor("output.weight") == nullptr;
  config.qkv_bias = keys.FindTensor("blk.0.attn_q.bias") != nullptr;
  config.attention_out_bias = keys.FindTensor("blk.0.attn_output.bias") != nullptr;
  return absl::OkStatus();
}

// The list form of attention.sliding_window_pattern: a bool for each layer.
absl::StatusOr<std::optional<std::vector<bool>>> ReadPattern(const GgufKeys& keys,
                                                             const ModelConfig& config) {
  const std::string name = keys.Name("attention.sliding_window_pattern");
  const auto entry = keys.file().metadata().find(name);
  if (entry == keys.file().metadata().end() || !entry->second.is_array) return std::nullopt;
  const GgufValue& value = entry->second;
  if (value.type != GgufType::kBool || value.count < static_cast<uint64_t>(config.num_layers)) {
    return keys.Error(absl::StrCat("metadata key ", Printable(name), " must be a number or ",
                                   config.num_layers, " bools; convert the model again"));
  }
  std::vector<bool> pattern;
  for (int i = 0; i < config.num_layers; ++i)
    pattern.push_back(value.data[static_cast<size_t>(i)] != std::byte{0});
  return pattern;
}

}  // namespace

absl::Status ReadGgufRope(const GgufKeys& keys, ModelConfig& config, double theta) {
  RopeConfig& rope = config.ropes[0];
  PASS_ASSIGN_OR_RETURN(rope.theta, keys.Number("rope.freq_base", theta));
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> type, keys.Text("rope.scaling.type"));
  if (type == "yarn") {
    PASS_RETURN_IF_ERROR(ReadYarn(keys, config, rope.yarn.emplace()));
  } else if (!type || type == "linear") {
    PASS_ASSIGN_OR_RETURN(rope.linear_factor, ReadScalingFactor(keys));
  } else if (type != "none") {
    return keys.Error(
        absl::StrCat(keys.Name("rope.scaling.type"), " ", Printable(*type),
                     " is not served (none, linear, yarn and Llama 3's are); use another model"));
  }
  // The table's width is judged by sizes that must make sense first.
  PASS_RETURN_IF_ERROR(ValidateConfig(keys.file().path(), config));
  PASS_ASSIGN_OR_RETURN(rope.llama3, ReadLlama3(keys, config));
  return absl::OkStatus();
}

absl::Status ReadGgufWindows(const GgufKeys& keys, int32_t period, ModelConfig& config, int32_t absent) {
  PASS_ASSIGN_OR_RETURN(const int32_t window, keys.Size("attention.sliding_window", absent));
  if (window == 0) return absl::OkStatus();
  PASS_ASSIGN_OR_RETURN(const auto pattern, ReadPattern(keys, config));
  if (!pattern) {
    PASS_ASSIGN_OR_RETURN(period, keys.Size("attention.sliding_window_pattern", period));
  }
  config.layers.resize(static_cast<size_t>(config.num_layers));
  for (int i = 0; i < config.num_layers; ++i) {
    const bool slides = pattern ? (*pattern)[static_cast<size_t>(i)] : period > 0 && (i + 1) % period != 0;
    if (slides) config.layers[static_cast<size_t>(i)].window = window;
  }
  return absl::OkStatus();
}

absl::Status CheckGgufKind(const GgufFile& file) {
  PASS_ASSIGN_OR_RETURN(const Architecture* architecture, ArchitectureOf(file));
  const GgufKeys keys(file, architecture->name);
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> kind, file.FindString("general.type"));
  if (kind == "adapter") {
    return keys.Error("an adapter (LoRA), no model; merge it into its model with llama-export-lora");
  }
  PASS_ASSIGN_OR_RETURN(const int32_t experts, keys.Size("expert_count", 0));
  if (experts != 0) {
    return keys.Error(absl::StrCat(keys.Name("expert_count"), " = ", experts,
                                   " is not served (dense layers are); use a model without experts"));
  }
  PASS_ASSIGN_OR_RETURN(const std::optional<uint64_t> num_parts, file.FindUint("split.count"));
  if (num_parts.value_or(0) > 1) {
    return keys.Error(absl::StrCat("one of ", *num_parts,
                                   " parts of a split model; merge them with llama-gguf-split --merge"));
  }
  return absl::OkStatus();
}

absl::StatusOr<GgufConfig> ReadGgufConfig(const GgufFile& file) {
  GgufConfig read;
  PASS_ASSIGN_OR_RETURN(read.architecture, ArchitectureOf(file));
  const GgufKeys keys(file, read.architecture->name);
  read.config.architecture = std::string(read.architecture->name);
  PASS_RETURN_IF_ERROR(ReadSizes(keys, read.config));
  PASS_RETURN_IF_ERROR(ReadFromTensors(keys, read.config));
  PASS_RETURN_IF_ERROR(read.architecture->read_gguf(keys, read.config));
  PASS_RETURN_IF_ERROR(ValidateConfig(file.path(), read.config));
  return read;
}

}  // namespace pass
