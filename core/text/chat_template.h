// Chat messages to prompt ids, by the model's own template: what it writes is what `transformers` writes, or the
// chat is refused with what was not understood. What messages say stays text: the tokens that open and end turns
// come from the template alone. Models whose turns open with plain text ([INST]; TinyLlama's <|user|>) cannot tell the
// template's from a message's.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/token_id.h"
#include "core/text/jinja/jinja_template.h"
#include "core/text/tokenizer.h"

namespace pass {

struct ChatMessage {
  std::string role;     // "system", "user" or "assistant"
  std::string content;  // plain text: control tokens in it stay text

  bool operator==(const ChatMessage&) const = default;
};

// What the turns look like, for people: rendering does not depend on it. kNone: chats are refused.
enum class ChatFormat : uint8_t {
  kNone,
  kChatMl,
  kLlama3,
  kGemma,
  kMistral,
  kPhi,
  kGranite,
  kDeepSeek,
  kOther
};

// "none", "chatml", "llama3", ..; "other" for a template of no name.
const char* ChatFormatName(ChatFormat format);

struct ChatTemplate {
  ChatFormat format = ChatFormat::kNone;
  // Why chats, or some of them, are refused: one line for people, without the path. Empty: nothing is known that is.
  std::string problem = "the model has no chat template";
  std::shared_ptr<const JinjaTemplate> program = nullptr;  // null: none, or one that is not understood
  std::map<std::string, std::string> named_tokens = {};    // what the template calls bos_token, eos_token, ..
};

// Reads the template and tries it on short chats. `text` empty: there is none. Never fails: see `problem`.
ChatTemplate ReadChatTemplate(std::string_view text, std::map<std::string, std::string> named_tokens,
                              const Tokenizer& tokenizer);

// The ids up to and including the header of the assistant's next turn, bos included where the template has
// one. FAILED_PRECONDITION: the model has no template, it is not understood, or the vocabulary lacks one of its
// control tokens. INVALID_ARGUMENT: no message, an unknown role, or the template refuses these messages, with
// its own words. RESOURCE_EXHAUSTED: the template takes too many steps for these messages, or writes too much.
absl::StatusOr<std::vector<TokenId>> RenderChat(const ChatTemplate& chat_template,
                                                std::span<const ChatMessage> messages,
                                                const Tokenizer& tokenizer);

}  // namespace pass
