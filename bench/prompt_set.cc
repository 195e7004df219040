#include "bench/prompt_set.h"

#include <filesystem>
#include <utility>

#include "core/base/status_macros.h"
#include "core/corpus/prompt_file.h"

namespace pass::bench {

absl::StatusOr<PromptSet> LoadPromptSet(const std::string& path, const TextModel& model, int limit) {
  PASS_ASSIGN_OR_RETURN(std::vector<Prompt> prompts, ReadPromptFile(path));
  if (limit > 0 && prompts.size() > static_cast<size_t>(limit)) prompts.resize(limit);
  PromptSet set{.name = std::filesystem::path(path).stem().string(), .prompts = {}};
  for (const Prompt& prompt : prompts) {
    PASS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, EncodePrompt(prompt, model));
    set.prompts.push_back({.ids = std::move(ids), .chat = !prompt.chat.empty()});
  }
  return set;
}

}  // namespace pass::bench
