#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/checkpoint/gguf_checkpoint.h"
#include "core/checkpoint/hf_checkpoint.h"
#include "core/checkpoint/other_paths.h"
#include "core/files/dequantize.h"
#include "core/files/printable.h"

namespace pass {

absl::Status Checkpoint::Read(std::string_view tensor, std::span<const int64_t> shape,
                              std::span<float> out) const {
  if (CountElements(shape) != out.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", Printable(tensor), " is read into room for ", out.size(), " values"));
  }
  const int64_t rows = shape.size() > 1 ? static_cast<int64_t>(out.size()) / shape.back() : 1;
  return ReadRows(tensor, shape, 0, rows, [&](int64_t row, std::span<const float> values) {
    std::ranges::copy(values, out.subspan(static_cast<size_t>(row) * values.size(), values.size()).begin());
  });
}

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
