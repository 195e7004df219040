// What the files of the two supported kinds say about text, before a tokenizer is made of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"

namespace pass {

struct TextSource {
  TokenizerSpec spec;
  std::vector<int64_t> end_of_sequence_ids;  // as written: any order, not yet checked against the vocabulary
  std::string chat_template;                 // Jinja text; empty: none
};

// Both: NOT_FOUND and INVALID_ARGUMENT in one line that names file, key and cure.
absl::StatusOr<TextSource> ReadGgufText(const std::string& path);
absl::StatusOr<TextSource> ReadHuggingFaceText(const std::string& folder);

}  // namespace pass
