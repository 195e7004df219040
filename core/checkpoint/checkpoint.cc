#include "core/checkpoint/checkpoint.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/gguf_checkpoint.h"
#include "core/checkpoint/hf_checkpoint.h"
#include "core/checkpoint/other_paths.h"

namespace pass {

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenCheckpoint(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return OpenHuggingFaceCheckpoint(path);
  PASS_RETURN_IF_ERROR(RecogniseHubName(path));
  if (std::filesystem::path(path).extension() == ".safetensors") {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": weights alone; name the folder, which has config.json"));
  }
  return OpenGgufCheckpoint(path);
}

}  // namespace pass
