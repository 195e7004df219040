// Files of prompts for measurements and tests: prompts separated by a line "%%". A prompt whose first line
// is "@user" or "@system" is a chat: such a line, or "@assistant", begins a message: the lines up to the
// next. Every other prompt is text. Line breaks at a prompt's or message's end are not part of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/text/chat_template.h"
#include "core/text/text_model.h"

namespace pass {

struct Prompt {
  std::string text;               // empty for a chat
  std::vector<ChatMessage> chat;  // the last message is the user's; empty for text

  bool operator==(const Prompt&) const = default;
};

// `name`: of the file, for errors. INVALID_ARGUMENT, with the number of the prompt: it or one of its messages
// is empty or not UTF-8, or a chat does not end with the user's message.
absl::StatusOr<std::vector<Prompt>> ParsePrompts(std::string_view bytes, const std::string& name);

// Errors of MappedFile::Open besides.
absl::StatusOr<std::vector<Prompt>> ReadPromptFile(const std::string& path);

// As the server does: bos where the model's tokenizer adds one; chats through the model's own template, up to
// the header of the assistant's turn. Errors of Tokenizer::Encode and RenderChat.
absl::StatusOr<std::vector<TokenId>> EncodePrompt(const Prompt& prompt, const TextModel& model);

}  // namespace pass
