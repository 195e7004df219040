#include "server/model_choices.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/model/load.h"

namespace pass {
namespace {

// Empty if the folder is none of Hugging Face's cache.
std::string NameInHuggingFaceCache(const std::string& folder) {
  constexpr std::string_view kPrefix = "models--";
  std::error_code error;
  const std::filesystem::path snapshot = std::filesystem::weakly_canonical(folder, error);
  if (error || snapshot.parent_path().filename() != "snapshots") return "";
  const std::string repository = snapshot.parent_path().parent_path().filename().string();
  if (!repository.starts_with(kPrefix)) return "";
  return absl::StrReplaceAll(repository.substr(kPrefix.size()), {{"--", "/"}});
}

}  // namespace

std::string ServedName(const ServerConfig& config, const std::string& own) {
  if (!config.model_name.empty()) return config.model_name;
  const std::string cached = NameInHuggingFaceCache(config.model);
  return cached.empty() ? own : cached;
}

absl::Status CheckMemory(const ServerConfig& config, std::optional<int64_t> available_bytes) {
  if (config.device != "cpu" || !available_bytes.has_value()) return absl::OkStatus();
  const int64_t available_mib = *available_bytes >> 20;
  const int64_t mib = config.kv_cache_mib > 0 ? config.kv_cache_mib : kKvCacheBytesOnCpu >> 20;
  if (mib <= available_mib) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--kv-cache-mib ", mib, " is more than the ", available_mib,
                   " MiB of memory that are available; give less, so that the weights fit too"));
}

std::vector<std::string> OverruledChoices(const ServerConfig& config, const ServedModel& model) {
  std::vector<std::string> choices;
  if (config.context_length > model.info.context_length) {
    choices.push_back(absl::StrCat("--context-length ", config.context_length, " is above the model's own ",
                                   model.info.context_length, ", which holds"));
  }
  if (model.max_sequence_tokens < model.info.context_length) {
    choices.push_back(absl::StrCat(
        "--kv-cache-mib ", config.kv_cache_mib, config.kv_cache_mib > 0 ? "" : ", of itself,", " holds ",
        model.max_sequence_tokens, " tokens: a request may have no more, although the context is ",
        model.info.context_length));
  }
  if (config.lookahead > model.info.num_lookahead) {
    choices.push_back(absl::StrCat("--lookahead ", config.lookahead, " is above the ",
                                   model.info.num_lookahead,
                                   " look-ahead tokens that are loaded, which are used"));
  }
  return choices;
}

}  // namespace pass
