// Chat messages to prompt ids. Two formats are built in and recognised from the model's own template text; templates are
// never executed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/text/tokenizer.h"

namespace pass {

struct ChatMessage {
  std::string role;     // "system", "user" or "assistant"
  std::string content;  // plain text: control tokens in it stay text
};

enum class ChatFormat : uint8_t { kNone, kChatMl, kLlama3 };

struct ChatTemplate {
  ChatFormat format = ChatFormat::kNone;
  std::string default_system;  // used when the first message is not a system message; empty: none
};

// kNone when the text is neither.
ChatTemplate RecognizeChatTemplate(std::string_view template_text);

// The ids up to and including the header of the assistant's next turn, bos included where the format has one.
// FAILED_PRECONDITION: the model has no known template. INVALID_ARGUMENT: no message, or an unknown role.
absl::StatusOr<std::vector<TokenId>> RenderChat(const ChatTemplate& chat_template, std::span<const ChatMessage> messages,
                                                const Tokenizer& tokenizer);

}  // namespace pass
