#include "core/checkpoint/gguf_checkpoint.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/checkpoint/checkpoint_tensors.h"
#include "core/checkpoint/file_checkpoint.h"
#include "core/checkpoint/gguf_config.h"
#include "core/files/gguf.h"

namespace pass {

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenGgufCheckpoint(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<GgufFile> file, GgufFile::Open(path, CheckGgufKind));
  PASS_ASSIGN_OR_RETURN(GgufConfig read, ReadGgufConfig(*file));
  CheckpointTensors tensors;
  tensors.Add(path, file->tensors());
  const StoredForm form{.naming = StoredForm::Naming::kGguf,
                        .interleaved_pairs = read.architecture->interleaves_pairs_in_gguf};
  PASS_RETURN_IF_ERROR(
      tensors.Bind(path, read.config, form, [](std::string_view name) { return name == kGgufRopeFactors; }));
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> name, file->FindString("general.name"));
  std::string shown = name && !name->empty() ? *name : std::filesystem::path(path).stem().string();
  return std::make_unique<FileCheckpoint<std::unique_ptr<GgufFile>>>(std::move(file), std::move(read.config),
                                                                     std::move(shown), std::move(tensors));
}

}  // namespace pass
