// What a model's files say about text: its tokenizer, which tokens end a sequence, and how a chat is written.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/text/chat_template.h"
#include "core/text/tokenizer.h"

namespace pass {

struct TextModel {
  std::unique_ptr<Tokenizer> tokenizer;
  std::vector<TokenId> end_of_sequence_ids;  // ascending
  ChatTemplate chat_template;
  // What whoever starts the program should know: one line each, with the path; to be logged once.
  std::vector<std::string> warnings = {};
};

// `path`: a .gguf file (tokenizer.ggml.*) or a Hugging Face folder (tokenizer.json, tokenizer_config.json,
// generation_config.json). Errors: one line that names file, key and cure. What a tokenizer does and is not
// supported is refused by name; a chat template that is not is a warning, and chats are then refused.
absl::StatusOr<TextModel> LoadTextModel(const std::string& path);

// Text as ids, with bos in front if it is wanted and the tokenizer has one. Errors of Tokenizer::Encode.
absl::StatusOr<std::vector<TokenId>> EncodeText(std::string_view text, const Tokenizer& tokenizer,
                                                bool add_bos, bool parse_control = false);

}  // namespace pass
