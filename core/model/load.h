// Loads a model behind the seam (core/language_model/language_model.h). Torch-free: of core/model this is the
// only header that code outside may include.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/language_model/language_model.h"

namespace pass {

enum class ComputeType { kBf16, kFp32 };

// What the matrices of the step are kept in: the compute type, 8 or 4 bits, or the blocks of a quantised file.
enum class WeightType : uint8_t { kComputeType, k8Bits, k4Bits, kAsStored };

inline constexpr std::array<std::string_view, 4> kWeightTypeNames = {"", "w8", "w4", "as-stored"};

inline std::optional<WeightType> WeightTypeOfName(std::string_view name) {
  const auto* found = std::ranges::find(kWeightTypeNames, name);
  if (found == kWeightTypeNames.end()) return std::nullopt;
  return static_cast<WeightType>(found - kWeightTypeNames.begin());
}

inline constexpr int64_t kKvCacheBytesOnCpu = int64_t{1} << 30;

struct LoadOptions {
  std::string model_path;      // a .gguf file or a Hugging Face folder
  std::string lookahead_path;  // safetensors file of look-ahead tokens; empty: none
  ComputeType compute_type = ComputeType::kBf16;
  WeightType weights = WeightType::kComputeType;  // others are for the CPU alone
  std::string device = "cpu";                     // "cpu", "cuda", "cuda:1"; "aten:cpu" for tests
  int num_threads = 0;                            // that compute; 0: UsableCpus()
  int64_t kv_cache_bytes = 0;  // 0: kKvCacheBytesOnCpu; on a GPU most of what is free there
  int32_t context_length = 0;  // 0: the model's own; else at most that
  int max_batch_rows = 512;    // rows of the largest forward
};

// Called while weights are read, with the name of the phase ("weights") and a fraction in [0, 1]. It is
// called on threads of the load's own, one call at a time, while the caller of LoadModel waits.
using LoadProgress = std::function<void(std::string_view phase, double fraction)>;

// `warnings`: one line each, of a load that went well, such as look-ahead tokens that were learned on other
// weights. `notices`: what is good to know, such as what became of a quantised file's blocks. `num_weights`: numbers of the
// matrices that a row is multiplied by.
struct LoadedModel {
  std::unique_ptr<LanguageModel> model;
  std::vector<std::string> warnings, notices;
  int64_t num_weights = 0;
};

// What LoadModel would say of the model's files: whether they are there, whole, and of a kind that is served.
// It reads no weights and takes milliseconds.
absl::Status CheckModel(const LoadOptions& options);

// The model may be used by any thread, one at a time. Errors are one line that names the file and the cure.
absl::StatusOr<LoadedModel> LoadModel(const LoadOptions& options, const LoadProgress& progress = nullptr);

// For build_info: the version of the linked LibTorch, and the instruction set of the CPU kernels.
std::string LibTorchVersion();
std::string InstructionSet();

}  // namespace pass
