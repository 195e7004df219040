#include "core/checkpoint/hf_checkpoint.h"

#include <cstring>
#include <filesystem>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/checkpoint/checkpoint_tensors.h"
#include "core/checkpoint/file_checkpoint.h"
#include "core/checkpoint/hf_config.h"
#include "core/checkpoint/other_paths.h"
#include "core/files/json.h"
#include "core/files/printable.h"
#include "core/files/safetensors.h"

namespace pass {
namespace {

constexpr uint64_t kMaxIndexBytes = 16 << 20;
constexpr size_t kMaxShards = 1024;
constexpr const char kSingleFile[] = "model.safetensors";
constexpr const char kIndexFile[] = "model.safetensors.index.json";

std::string Join(const std::string& folder, std::string_view file) {
  return (std::filesystem::path(folder) / file).string();
}

bool Exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// Which tensors the index promises in which shard.
using ShardMap = std::map<std::string, std::set<std::string, std::less<>>>;

absl::StatusOr<ShardMap> ReadIndex(const std::string& path) {
  const auto error = [&path](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", what, "; download the model again"));
  };
  PASS_ASSIGN_OR_RETURN(const nlohmann::json json, ReadJsonObject(path, kMaxIndexBytes));
  const auto weights = json.find("weight_map");
  if (weights == json.end() || !weights->is_object()) return error("weight_map is missing or not an object");
  ShardMap shards;
  for (const auto& [tensor, file] : weights->items()) {
    if (!file.is_string()) return error(absl::StrCat("tensor ", Printable(tensor), " has no file name"));
    const std::string name = file.get<std::string>();
    // Shards lie in the model's own folder; anything else could name any file of the machine.
    if (!absl::EndsWith(name, ".safetensors") || std::filesystem::path(name).filename() != name) {
      return error(absl::StrCat("tensor ", Printable(tensor), " is said to be in ", Printable(name),
                                ", which is no safetensors file of this folder"));
    }
    shards[name].insert(tensor);
    if (shards.size() > kMaxShards) return error(absl::StrCat("more than ", kMaxShards, " shards"));
  }
  return shards;
}

// The index and the shard must tell of the same tensors; so no tensor is in two shards.
absl::Status CheckShard(const SafetensorsFile& file, const std::set<std::string, std::less<>>& promised) {
  for (const TensorView& tensor : file.tensors()) {
    if (!promised.contains(tensor.name)) {
      return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor ", Printable(tensor.name),
                                                     " is not in ", kIndexFile,
                                                     " for this file; download the model again"));
    }
  }
  if (file.tensors().size() == promised.size()) return absl::OkStatus();
  std::set<std::string_view> present;
  for (const TensorView& tensor : file.tensors()) present.insert(tensor.name);
  for (const std::string& name : promised) {
    if (!present.contains(name)) {
      return absl::InvalidArgumentError(absl::StrCat(file.path(), ": tensor ", Printable(name),
                                                     " is missing, though ", kIndexFile,
                                                     " names it; download the model again"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::unique_ptr<SafetensorsFile>>> OpenFiles(const std::string& folder) {
  std::vector<std::unique_ptr<SafetensorsFile>> files;
  if (Exists(Join(folder, kSingleFile))) {
    PASS_ASSIGN_OR_RETURN(files.emplace_back(), SafetensorsFile::Open(Join(folder, kSingleFile)));
    return files;
  }
  if (!Exists(Join(folder, kIndexFile))) {
    PASS_RETURN_IF_ERROR(RecogniseOtherFolder(folder));
    return absl::NotFoundError(absl::StrCat(folder, ": neither ", kSingleFile, " nor ", kIndexFile,
                                            " is here; save the model as safetensors (save_pretrained)"));
  }
  PASS_ASSIGN_OR_RETURN(const ShardMap shards, ReadIndex(Join(folder, kIndexFile)));
  for (const auto& [name, promised] : shards) {
    PASS_ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> file, SafetensorsFile::Open(Join(folder, name)));
    PASS_RETURN_IF_ERROR(CheckShard(*file, promised));
    files.push_back(std::move(file));
  }
  return files;
}

// A config says that the head is the embedding table, and a stored head says otherwise: then it is the one that was
// trained (a fine-tune that untied it), as in transformers 5.
bool HasItsOwnHead(const CheckpointTensors& tensors) {
  const TensorView* head = tensors.FindStored("lm_head.weight");
  const TensorView* table = tensors.FindStored("model.embed_tokens.weight");
  return head != nullptr && table != nullptr &&
         (head->type != table->type || head->shape != table->shape ||
          std::memcmp(head->data.data(), table->data.data(), head->data.size()) != 0);
}

std::vector<TensorView> CopyOf(std::span<const TensorView> tensors) {
  return {tensors.begin(), tensors.end()};
}

// Of a model of several parts the tensors of the text model, under the names that it has alone: transformers 4 writes
// "language_model.model.norm.weight", transformers 5 "model.language_model.norm.weight".
std::vector<TensorView> TextPart(std::span<const TensorView> tensors) {
  constexpr std::string_view kOlder = "language_model.", kNewer = "model.language_model.";
  std::vector<TensorView> part;
  for (const TensorView& tensor : tensors) {
    const std::string_view name = tensor.name;
    std::string own;
    if (name.starts_with(kOlder)) {
      own = name.substr(kOlder.size());
    } else if (name.starts_with(kNewer)) {
      own = absl::StrCat("model.", std::string(name.substr(kNewer.size())));
    } else if (name == "lm_head.weight") {
      own = name;
    } else {
      continue;
    }
    part.push_back(tensor);
    part.back().name = std::move(own);
  }
  return part;
}

std::string FolderName(const std::string& folder) {
  std::error_code error;
  const std::filesystem::path canonical = std::filesystem::canonical(folder, error);
  return ReplaceInvalidUtf8(error ? folder : canonical.filename().string());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpoint>> OpenHuggingFaceCheckpoint(const std::string& folder) {
  if (!Exists(Join(folder, "config.json")) || Exists(Join(folder, "adapter_config.json"))) {
    PASS_RETURN_IF_ERROR(RecogniseOtherFolder(folder));
  }
  PASS_ASSIGN_OR_RETURN(HfConfig read, ReadHuggingFaceConfig(Join(folder, "config.json")));
  ModelConfig& config = read.config;
  PASS_ASSIGN_OR_RETURN(std::vector<std::unique_ptr<SafetensorsFile>> files, OpenFiles(folder));
  CheckpointTensors tensors;
  for (const std::unique_ptr<SafetensorsFile>& file : files) {
    PASS_RETURN_IF_ERROR(tensors.Add(
        file->path(), read.has_other_parts ? TextPart(file->tensors()) : CopyOf(file->tensors())));
  }
  if (config.tied_embeddings && HasItsOwnHead(tensors)) config.tied_embeddings = false;
  // Older files carry the rotation's frequencies, which follow from the configuration; a tied head may be
  // stored twice.
  const auto is_ignored = [tied = config.tied_embeddings](std::string_view name) {
    return name.ends_with(".rotary_emb.inv_freq") || (tied && name == "lm_head.weight");
  };
  const StoredForm form{.naming = StoredForm::Naming::kHuggingFace,
                        .norms_lack_one = read.architecture->lacks_one_in_folders};
  PASS_RETURN_IF_ERROR(tensors.Bind(folder, config, form, is_ignored));
  return std::make_unique<FileCheckpoint<std::vector<std::unique_ptr<SafetensorsFile>>>>(
      std::move(files), std::move(config), FolderName(folder), std::move(tensors));
}

}  // namespace pass
