#include "core/checkpoint/gguf_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numbers>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint_tensors.h"
#include "core/checkpoint/file_checkpoint.h"
#include "core/checkpoint/served.h"
#include "core/files/dequantize.h"
#include "core/files/gguf.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr const char kRopeFactors[] = "rope_freqs.weight";

absl::Status Error(const GgufFile& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file.path(), ": ", what));
}

// A number that a size may be: below 2^31. A missing key is `absent`, or an error if that is not given.
absl::StatusOr<int32_t> ReadSize(const GgufFile& file, std::string_view key,
                                 std::optional<int32_t> absent = {}) {
  PASS_ASSIGN_OR_RETURN(const std::optional<uint64_t> value, file.FindUint(key));
  if (!value && absent) return *absent;
  if (!value)
    return Error(file, absl::StrCat("metadata key ", Printable(key), " is missing; convert the model again"));
  if (*value > uint64_t{std::numeric_limits<int32_t>::max()}) {
    return Error(
        file, absl::StrCat("metadata key ", Printable(key), " is ", *value, ", which is no size of a model"));
  }
  return static_cast<int32_t>(*value);
}

absl::StatusOr<double> ReadDouble(const GgufFile& file, std::string_view key, double absent) {
  PASS_ASSIGN_OR_RETURN(const std::optional<double> value, file.FindDouble(key));
  return value.value_or(absent);
}

// What the file is, and features that change what a Llama computes: absent or switched off in the models that are
// served.
absl::Status RefuseOtherModels(const GgufFile& file) {
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> architecture,
                        file.FindString("general.architecture"));
  if (architecture != "llama") {
    return Error(file, absl::StrCat("architecture ", Printable(architecture.value_or("(none)")),
                                    " is not served; use a model of one that is: ", kServedArchitectures));
  }
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> kind, file.FindString("general.type"));
  if (kind == "adapter") {
    return Error(file, "an adapter (LoRA), no model; merge it into its model with llama-export-lora");
  }
  for (const char* key : {"llama.expert_count", "llama.attention.sliding_window"}) {
    PASS_ASSIGN_OR_RETURN(const int32_t value, ReadSize(file, key, 0));
    if (value != 0)
      return Error(file, absl::StrCat(key, " = ", value, " is not served; use a model without it"));
  }
  PASS_ASSIGN_OR_RETURN(const int32_t num_parts, ReadSize(file, "split.count", 0));
  if (num_parts > 1) {
    return Error(file, absl::StrCat("one of ", num_parts,
                                    " parts of a split model; merge them with llama-gguf-split --merge"));
  }
  return absl::OkStatus();
}

// As llama.cpp reads it: a factor without a type is linear, the older key stands in for the newer one, a factor of 0
// is none, and so is every factor beside the type "none".
absl::StatusOr<double> ReadLinearFactor(const GgufFile& file) {
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> type, file.FindString("llama.rope.scaling.type"));
  if (type == "none") return 1.0;
  if (type && *type != "linear") {
    return Error(file, absl::StrCat("llama.rope.scaling.type ", Printable(*type),
                                    " is not served (none, linear and Llama 3's are); use another model"));
  }
  PASS_ASSIGN_OR_RETURN(const double older, ReadDouble(file, "llama.rope.scale_linear", 0));
  PASS_ASSIGN_OR_RETURN(const double factor, ReadDouble(file, "llama.rope.scaling.factor", older));
  return factor == 0 ? 1.0 : factor;
}

// What llama3 scaling divides frequency `i` by (transformers, modeling_rope_utils.py).
double RopeDivisor(const LlamaConfig& config, const Llama3RopeScaling& scaling, int i) {
  const double frequency = std::pow(config.rope_theta, -2.0 * i / config.head_dim);
  const double turns = scaling.original_context_length * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return 1;
  if (turns < scaling.low_freq_factor) return scaling.factor;
  const double smooth =
      (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return 1 / ((1 - smooth) / scaling.factor + smooth);
}

absl::StatusOr<std::optional<Llama3RopeScaling>> ReadRopeScaling(const GgufFile& file,
                                                                 const LlamaConfig& config) {
  const auto view = std::find_if(file.tensors().begin(), file.tensors().end(),
                                 [](const TensorView& tensor) { return tensor.name == kRopeFactors; });
  if (view == file.tensors().end()) return std::nullopt;
  if (view->shape != std::vector<int64_t>{config.head_dim / 2}) {
    return Error(file, absl::StrCat("tensor '", kRopeFactors, "' must have shape [", config.head_dim / 2,
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
      return Error(
          file, absl::StrCat("tensor '", kRopeFactors,
                             "' is not the rope scaling of a published Llama 3, which alone is served; use "
                             "the Hugging Face folder of this model"));
    }
  }
  return scaling;
}

absl::StatusOr<LlamaConfig> ReadConfig(const GgufFile& file) {
  LlamaConfig config;
  PASS_ASSIGN_OR_RETURN(config.width, ReadSize(file, "llama.embedding_length"));
  PASS_ASSIGN_OR_RETURN(config.ffn_width, ReadSize(file, "llama.feed_forward_length"));
  PASS_ASSIGN_OR_RETURN(config.num_layers, ReadSize(file, "llama.block_count"));
  PASS_ASSIGN_OR_RETURN(config.num_heads, ReadSize(file, "llama.attention.head_count"));
  PASS_ASSIGN_OR_RETURN(config.num_kv_heads,
                        ReadSize(file, "llama.attention.head_count_kv", config.num_heads));
  PASS_ASSIGN_OR_RETURN(config.context_length, ReadSize(file, "llama.context_length"));
  PASS_ASSIGN_OR_RETURN(config.rms_epsilon, ReadDouble(file, "llama.attention.layer_norm_rms_epsilon", 1e-5));
  PASS_ASSIGN_OR_RETURN(config.rope_theta, ReadDouble(file, "llama.rope.freq_base", 10000.0));
  PASS_ASSIGN_OR_RETURN(config.rope_linear_factor, ReadLinearFactor(file));
  if (config.num_heads <= 0) return Error(file, "llama.attention.head_count is 0; convert the model again");
  PASS_ASSIGN_OR_RETURN(config.head_dim, ReadSize(file, "llama.attention.key_length",
                                                  static_cast<int32_t>(config.width / config.num_heads)));
  for (const char* key : {"llama.attention.value_length", "llama.rope.dimension_count"}) {
    PASS_ASSIGN_OR_RETURN(const int32_t value, ReadSize(file, key, config.head_dim));
    if (value != config.head_dim) {
      return Error(file, absl::StrCat(key, " is ", value, ", only the width of a head, ", config.head_dim,
                                      ", is served; use another model"));
    }
  }
  config.tied_embeddings = true;
  for (const TensorView& tensor : file.tensors()) {
    if (tensor.name == "token_embd.weight") config.vocab_size = tensor.shape[0];
    if (tensor.name == "output.weight") config.tied_embeddings = false;
  }
  if (config.vocab_size == 0)
    return Error(file, "tensor 'token_embd.weight' is missing; download the model again");
  PASS_ASSIGN_OR_RETURN(const int32_t declared, ReadSize(file, "llama.vocab_size", 0));
  if (declared != 0 && declared != config.vocab_size) {
    return Error(file, absl::StrCat("llama.vocab_size is ", declared, " and tensor 'token_embd.weight' has ",
                                    config.vocab_size, " rows; convert the model again"));
  }
  PASS_RETURN_IF_ERROR(ValidateConfig(file.path(), config));
  PASS_ASSIGN_OR_RETURN(config.rope_scaling, ReadRopeScaling(file, config));
  PASS_RETURN_IF_ERROR(ValidateConfig(file.path(), config));
  return config;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenGgufCheckpoint(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<GgufFile> file, GgufFile::Open(path, RefuseOtherModels));
  PASS_ASSIGN_OR_RETURN(LlamaConfig config, ReadConfig(*file));
  CheckpointTensors tensors;
  tensors.Add(path, file->tensors());
  PASS_RETURN_IF_ERROR(tensors.Bind(path, config, CheckpointTensors::Naming::kGguf,
                                    [](std::string_view name) { return name == kRopeFactors; }));
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> name, file->FindString("general.name"));
  std::string shown = name && !name->empty() ? *name : std::filesystem::path(path).stem().string();
  return std::make_unique<FileCheckpoint<std::unique_ptr<GgufFile>>>(std::move(file), config,
                                                                     std::move(shown), std::move(tensors));
}

}  // namespace pass
