// Chat messages to prompt ids. Two formats are built in and recognised from the model's own template text;
// templates are never executed, so what a template computes besides (tools, today's date) is not written.
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

  bool operator==(const ChatMessage&) const = default;
};

enum class ChatFormat : uint8_t { kNone, kChatMl, kLlama3 };

struct ChatTemplate {
  ChatFormat format = ChatFormat::kNone;
  std::string default_system;  // used when the first message is not a system message; empty: none
  bool begins_with_bos = false;
  bool trims_content = false;  // white space at both ends of each content
};

// kNone when the text is neither.
ChatTemplate RecognizeChatTemplate(std::string_view template_text);

// The control token that ends a turn, and with it the model's answer; empty for kNone.
std::string_view EndOfTurnToken(ChatFormat format);

// The ids up to and including the header of the assistant's next turn, bos included where the template has
// one. FAILED_PRECONDITION: the model has no known template, or its vocabulary lacks one of the format's
// control tokens. INVALID_ARGUMENT: no message, or an unknown role.
absl::StatusOr<std::vector<TokenId>> RenderChat(const ChatTemplate& chat_template,
                                                std::span<const ChatMessage> messages,
                                                const Tokenizer& tokenizer);

}  // namespace pass
