// The architectures that are served, and those that are refused with a reason. One file each in architectures/; to add
// one is to write that file and its line in the table (architecture.cc). Torch-free.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/config.h"
#include "core/checkpoint/gguf_keys.h"
#include "core/checkpoint/hf_keys.h"

namespace pass {

// One kind of Hugging Face configuration.
struct HuggingFaceForm {
  std::string_view model_type;   // of config.json
  std::string_view model_class;  // the one of `architectures` that is served
  // Fills the config, but for its architecture; what is absent is what transformers takes then. Not validated yet.
  absl::Status (*read)(const HfKeys& keys, ModelConfig& config);
};

struct Architecture {
  std::string_view name;   // general.architecture of GGUF
  std::string_view title;  // its models, for people
  // GGUF holds the rows of q and k as the pairs that rotate together, where transformers has two halves.
  bool interleaves_pairs_in_gguf = false;
  // A Hugging Face folder holds norm weights less 1, GGUF holds them whole.
  bool lacks_one_in_folders = false;
  std::span<const HuggingFaceForm> forms;
  // As HuggingFaceForm::read. The sizes have been read by ReadGgufSizes.
  absl::Status (*read_gguf)(const GgufKeys& keys, ModelConfig& config);
};

// INVALID_ARGUMENT names `where` ("file: architecture") and what is served, or why this one cannot be.
absl::StatusOr<const Architecture*> FindGgufArchitecture(const std::string& where, std::string_view name);

struct FoundForm {
  const Architecture* architecture;
  const HuggingFaceForm* form;
};
absl::StatusOr<FoundForm> FindHuggingFaceForm(const std::string& where, std::string_view model_type);

}  // namespace pass
