#include "core/text/chat_template.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace pass {
namespace {

constexpr std::string_view kImStart = "<|im_start|>";
constexpr std::string_view kImEnd = "<|im_end|>";
constexpr std::string_view kStartHeader = "<|start_header_id|>";
constexpr std::string_view kEndHeader = "<|end_header_id|>";
constexpr std::string_view kEndOfTurn = "<|eot_id|>";

constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// The body of a Jinja string literal without its escapes, up to `end`; nullopt if the literal, opened by
// `quote`, ends before that.
std::optional<std::string> ReadLiteral(std::string_view body, char quote, std::string_view end) {
  std::string text;
  for (size_t i = 0; i < body.size(); ++i) {
    if (body.substr(i).starts_with(end)) return text;
    if (body[i] == quote) return std::nullopt;
    if (body[i] != '\\' || i + 1 == body.size()) {
      text.push_back(body[i]);
      continue;
    }
    ++i;
    text.push_back(body[i] == 'n' ? '\n' : body[i] == 't' ? '\t' : body[i]);
  }
  return std::nullopt;
}

// ChatML templates write their default system message as one literal: '<|im_start|>system\n...<|im_end|>'.
std::string FindDefaultSystem(std::string_view template_text) {
  const std::string header = absl::StrCat(std::string(kImStart), "system");
  for (size_t at = template_text.find(header); at != std::string_view::npos;
       at = template_text.find(header, at + 1)) {
    if (at == 0) continue;
    const char quote = template_text[at - 1];
    if (quote != '\'' && quote != '"') continue;
    const std::optional<std::string> text =
        ReadLiteral(template_text.substr(at + header.size()), quote, kImEnd);
    if (text && text->size() > 1 && text->front() == '\n') return text->substr(1);
  }
  return "";
}

// `message['content'] | trim`, in any spacing.
bool TrimsContent(std::string_view template_text) {
  for (size_t at = template_text.find("content"); at != std::string_view::npos;
       at = template_text.find("content", at + 1)) {
    std::string_view rest = template_text.substr(at + std::string_view("content").size());
    rest.remove_prefix(std::min(rest.find_first_not_of("'\"]) "), rest.size()));
    if (!rest.starts_with('|')) continue;
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (rest.starts_with("trim")) return true;
  }
  return false;
}

// White space as Python's str.strip() knows it, which is what Jinja's trim calls.
constexpr std::array<std::string_view, 29> kPythonSpaces = {
    "\t",           "\n",           "\v",           "\f",           "\r",
    "\x1C",         "\x1D",         "\x1E",         "\x1F",         " ",
    "\xC2\x85",     "\xC2\xA0",     "\xE1\x9A\x80", "\xE2\x80\x80", "\xE2\x80\x81",
    "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84", "\xE2\x80\x85", "\xE2\x80\x86",
    "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89", "\xE2\x80\x8A", "\xE2\x80\xA8",
    "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80"};

std::string_view Trim(std::string_view text) {
  const auto begins = [&](std::string_view space) { return text.starts_with(space); };
  const auto ends = [&](std::string_view space) { return text.ends_with(space); };
  for (auto space = std::ranges::find_if(kPythonSpaces, begins); space != kPythonSpaces.end();
       space = std::ranges::find_if(kPythonSpaces, begins)) {
    text.remove_prefix(space->size());
  }
  for (auto space = std::ranges::find_if(kPythonSpaces, ends); space != kPythonSpaces.end();
       space = std::ranges::find_if(kPythonSpaces, ends)) {
    text.remove_suffix(space->size());
  }
  return text;
}

// Builds a prompt of control tokens, by id, and ordinary text. Neighbouring texts are joined before they are
// encoded, as the template would have written them.
class PromptWriter {
 public:
  explicit PromptWriter(const Tokenizer* tokenizer) : tokenizer_(tokenizer) {}

  absl::Status Control(std::string_view token) {
    const std::optional<TokenId> id = tokenizer_->Find(token);
    if (!id) {
      return absl::FailedPreconditionError(
          absl::StrCat("the vocabulary lacks the chat token ", std::string(token)));
    }
    PASS_RETURN_IF_ERROR(EncodeText());
    ids_.push_back(*id);
    return absl::OkStatus();
  }
  void Id(TokenId id) { ids_.push_back(id); }
  void Text(std::string_view text) { text_.append(text); }
  absl::StatusOr<std::vector<TokenId>> Finish() {
    PASS_RETURN_IF_ERROR(EncodeText());
    return std::move(ids_);
  }

 private:
  absl::Status EncodeText() {
    PASS_ASSIGN_OR_RETURN(const std::vector<TokenId> ids, tokenizer_->Encode(text_, /*parse_control=*/false));
    ids_.insert(ids_.end(), ids.begin(), ids.end());
    text_.clear();
    return absl::OkStatus();
  }

  const Tokenizer* tokenizer_;
  std::string text_;
  std::vector<TokenId> ids_;
};

absl::Status WriteHeader(ChatFormat format, std::string_view role, PromptWriter* prompt) {
  if (format == ChatFormat::kChatMl) {
    PASS_RETURN_IF_ERROR(prompt->Control(kImStart));
    prompt->Text(role);
    prompt->Text("\n");
    return absl::OkStatus();
  }
  PASS_RETURN_IF_ERROR(prompt->Control(kStartHeader));
  prompt->Text(role);
  PASS_RETURN_IF_ERROR(prompt->Control(kEndHeader));
  prompt->Text("\n\n");
  return absl::OkStatus();
}

absl::Status WriteTurn(ChatFormat format, std::string_view role, std::string_view content,
                       PromptWriter* prompt) {
  PASS_RETURN_IF_ERROR(WriteHeader(format, role, prompt));
  prompt->Text(content);
  PASS_RETURN_IF_ERROR(prompt->Control(EndOfTurnToken(format)));
  if (format == ChatFormat::kChatMl) prompt->Text("\n");
  return absl::OkStatus();
}

}  // namespace

ChatTemplate RecognizeChatTemplate(std::string_view template_text) {
  ChatTemplate chat_template;
  if (Contains(template_text, kStartHeader) && Contains(template_text, kEndHeader) &&
      Contains(template_text, kEndOfTurn)) {
    chat_template.format = ChatFormat::kLlama3;
  } else if (Contains(template_text, kImStart) && Contains(template_text, kImEnd)) {
    chat_template.format = ChatFormat::kChatMl;
    chat_template.default_system = FindDefaultSystem(template_text);
  } else {
    return chat_template;
  }
  chat_template.begins_with_bos =
      Contains(template_text, "bos_token") || Contains(template_text, "<|begin_of_text|>");
  chat_template.trims_content = TrimsContent(template_text);
  return chat_template;
}

std::string_view EndOfTurnToken(ChatFormat format) {
  switch (format) {
    case ChatFormat::kNone:
      return "";
    case ChatFormat::kChatMl:
      return kImEnd;
    case ChatFormat::kLlama3:
      return kEndOfTurn;
  }
  return "";
}

absl::StatusOr<std::vector<TokenId>> RenderChat(const ChatTemplate& chat_template,
                                                std::span<const ChatMessage> messages,
                                                const Tokenizer& tokenizer) {
  if (chat_template.format == ChatFormat::kNone) {
    return absl::FailedPreconditionError(
        "the model has no chat template of a known format (ChatML, Llama 3)");
  }
  if (messages.empty()) return absl::InvalidArgumentError("a chat needs at least one message");
  for (const ChatMessage& message : messages) {
    if (std::ranges::find(kRoles, message.role) == kRoles.end()) {
      return absl::InvalidArgumentError("a message's role is \"system\", \"user\" or \"assistant\"");
    }
  }
  PromptWriter prompt(&tokenizer);
  if (chat_template.begins_with_bos && tokenizer.bos()) prompt.Id(*tokenizer.bos());
  if (!chat_template.default_system.empty() && messages[0].role != "system") {
    PASS_RETURN_IF_ERROR(WriteTurn(chat_template.format, "system", chat_template.default_system, &prompt));
  }
  for (const ChatMessage& message : messages) {
    const std::string_view content =
        chat_template.trims_content ? Trim(message.content) : std::string_view(message.content);
    PASS_RETURN_IF_ERROR(WriteTurn(chat_template.format, message.role, content, &prompt));
  }
  PASS_RETURN_IF_ERROR(WriteHeader(chat_template.format, "assistant", &prompt));
  return prompt.Finish();
}

}  // namespace pass
