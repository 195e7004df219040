#include "core/checkpoint/gguf_checkpoint.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/checkpoint/checkpoint_tensors.h"
#include "core/checkpoint/file_checkpoint.h"
#include "core/checkpoint/gguf_config.h"
#include "core/files/gguf.h"

namespace pass {
namespace {

// Names end in messages and labels, which must be UTF-8; a file's own may be in any encoding.
absl::StatusOr<std::string> NameOf(const GgufFile& file) {
  PASS_ASSIGN_OR_RETURN(std::optional<std::string> name, file.FindString("general.name"));
  if (name && !name->empty() && ValidUtf8Prefix(*name) == name->size()) return *std::move(name);
  return ReplaceInvalidUtf8(std::filesystem::path(file.path()).stem().string());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenGgufCheckpoint(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<GgufFile> file, GgufFile::Open(path, CheckGgufKind));
  PASS_ASSIGN_OR_RETURN(GgufConfig read, ReadGgufConfig(*file));
  CheckpointTensors tensors;
  PASS_RETURN_IF_ERROR(tensors.Add(path, file->tensors()));
  const StoredForm form{.naming = StoredForm::Naming::kGguf,
                        .interleaved_pairs = read.architecture->interleaves_pairs_in_gguf};
  PASS_RETURN_IF_ERROR(
      tensors.Bind(path, read.config, form, [](std::string_view name) { return name == kGgufRopeFactors; }));
  PASS_ASSIGN_OR_RETURN(std::string name, NameOf(*file));
  return std::make_unique<FileCheckpoint<std::unique_ptr<GgufFile>>>(std::move(file), std::move(read.config),
                                                                     std::move(name), std::move(tensors));
}

}  // namespace pass
