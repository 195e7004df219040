// The prompts of a measurement, as token ids.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/text/text_model.h"

namespace pass::bench {

struct EncodedPrompt {
  std::vector<TokenId> ids;
  bool chat = false;  // its answer ends with the model's end of sequence; text is continued past one
};

struct PromptSet {
  std::string name;  // of its file, without folder and ending
  std::vector<EncodedPrompt> prompts;
};

// The first `limit` prompts of the file; 0: all. Errors of ReadPromptFile and EncodePrompt.
absl::StatusOr<PromptSet> LoadPromptSet(const std::string& path, const TextModel& model, int limit);

}  // namespace pass::bench
