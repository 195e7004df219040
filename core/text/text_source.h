// What the files of the two supported kinds say about text, before a tokenizer is made of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"

namespace pass {

struct TextSource {
  TokenizerSpec spec;
  // As written, and in GGUF the ends of a text that are known by name: any order, not yet checked against the
  // vocabulary.
  std::vector<int64_t> end_of_sequence_ids;
  std::string chat_template;  // Jinja text; empty: none
  std::map<std::string, std::string>
      named_tokens;                   // bos_token, eos_token, ..: texts that a template may ask for
  std::vector<std::string> warnings;  // one line each, without the path
};

// Both: NOT_FOUND and INVALID_ARGUMENT in one line that names file, key and cure.
absl::StatusOr<TextSource> ReadGgufText(const std::string& path);
absl::StatusOr<TextSource> ReadHuggingFaceText(const std::string& folder);

}  // namespace pass
