#include "core/checkpoint/other_paths.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/json.h"
#include "core/files/printable.h"

namespace pass {
namespace {

constexpr uint64_t kMaxAdapterConfigBytes = 1 << 20;
constexpr const char kAdapterConfig[] = "adapter_config.json";

absl::Status Error(const std::string& folder, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(folder, ": ", what));
}

// What lies in the folder under names of this ending, sorted; nothing if it cannot be read.
std::vector<std::string> Find(const std::filesystem::path& folder, std::string_view ending) {
  std::vector<std::string> found;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    if (entry->path().filename().string().ends_with(ending)) found.push_back(entry->path().string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status DescribeAdapter(const std::string& folder, const std::string& config_path) {
  PASS_ASSIGN_OR_RETURN(const nlohmann::json config, ReadJsonObject(config_path, kMaxAdapterConfigBytes));
  const auto base = config.find("base_model_name_or_path");
  const std::string model =
      base != config.end() && base->is_string() ? Printable(base->get<std::string>()) : "its model";
  return Error(folder, absl::StrCat("an adapter (LoRA), no model; merge it into ", model,
                                    " (PEFT: merge_and_unload, save_pretrained) and name that folder"));
}

bool IsNameOnAHub(std::string_view path) {
  const auto is_part = [](std::string_view part) {
    return !part.empty() && !part.starts_with('.') && std::ranges::all_of(part, [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    });
  };
  const size_t slash = path.find('/');
  return slash != std::string_view::npos && is_part(path.substr(0, slash)) && is_part(path.substr(slash + 1));
}

}  // namespace

absl::Status RecogniseOtherFolder(const std::string& folder) {
  const std::filesystem::path path(folder);
  std::error_code error;
  const std::string adapter = (path / kAdapterConfig).string();
  if (std::filesystem::exists(adapter, error)) return DescribeAdapter(folder, adapter);
  if (const auto files = Find(path, ".gguf"); !files.empty()) {
    const std::string others = files.size() > 1 ? absl::StrCat(" or another of its ", files.size()) : "";
    return Error(folder, absl::StrCat("a folder of GGUF files; name the file: ", files.front(), others));
  }
  if (const auto snapshots = Find(path / "snapshots", ""); !snapshots.empty()) {
    return Error(folder, absl::StrCat("a hub's cache folder; name the model's own: ", snapshots.front()));
  }
  if (!Find(path, ".safetensors").empty()) return absl::OkStatus();
  for (const char* ending : {".bin", ".pt", ".pth"}) {
    if (const auto files = Find(path, ending); !files.empty()) {
      return Error(folder, absl::StrCat("weights in PyTorch's own format (", files.front(),
                                        ") are not read; save the model as safetensors (save_pretrained)"));
    }
  }
  return absl::OkStatus();
}

absl::Status RecogniseHubName(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) || !IsNameOnAHub(path) || path.ends_with(".gguf")) {
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat(
      path,
      ": no such file or folder; if it is a model's name on a hub, download it first, for nothing is "
      "downloaded here (hf download ",
      path, " --local-dir FOLDER), and name the folder"));
}

}  // namespace pass
