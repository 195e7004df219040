// Loads a model behind the seam. Torch-free: the only header of core/model, with language_model.h, that code outside may
// include.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"

namespace pass {

enum class ComputeType { kBf16, kFp32 };

struct LoadOptions {
  std::string model_path;      // .gguf file or Hugging Face folder
  std::string lookahead_path;  // safetensors file of look-ahead tokens; empty: none
  ComputeType compute_type = ComputeType::kBf16;
  std::string device = "cpu";  // "cpu", "cuda", "cuda:1"
  int num_threads = 0;         // that compute; 0: UsableCpus()
  int64_t kv_cache_bytes = int64_t{1} << 30;
  int32_t context_length = 0;  // 0: the model's own; else at most that
  int max_batch_rows = 512;    // rows of the largest forward
};

// Called while weights are read, with a phase name ("weights") and a fraction in [0, 1], on a thread of the load's own while
// the caller waits.
using LoadProgress = std::function<void(std::string_view phase, double fraction)>;

// A warning of a load that went well, such as look-ahead tokens trained on other weights. One line each.
struct LoadedModel {
  std::unique_ptr<LanguageModel> model;
  std::vector<std::string> warnings;
};

// Whether the model's files are there, whole, and of a kind that is served: what LoadModel would say of them, without reading
// weights. Takes milliseconds.
absl::Status CheckModel(const LoadOptions& options);

// Errors: one line that names the file and the cure. The model may then be used by any one thread.
absl::StatusOr<LoadedModel> LoadModel(const LoadOptions& options, const LoadProgress& progress = nullptr);

// For build_info: the version of the linked LibTorch, and the instruction set of the CPU kernels.
std::string LibTorchVersion();
std::string InstructionSet();

}  // namespace pass
