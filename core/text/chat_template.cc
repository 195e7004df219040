#include "core/text/chat_template.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/chat_tokens.h"

namespace pass {
namespace {

constexpr std::array<std::string_view, 3> kRoles = {"system", "user", "assistant"};

struct NamedFormat {
  ChatFormat format;
  const char* name;
  std::string_view sign;  // what a prompt of this format has in it
};
constexpr std::array<NamedFormat, 7> kFormats = {{
    {ChatFormat::kLlama3, "llama3", "<|start_header_id|>"},
    {ChatFormat::kGemma, "gemma", "<start_of_turn>"},
    {ChatFormat::kGranite, "granite", "<|start_of_role|>"},
    {ChatFormat::kDeepSeek, "deepseek", "<｜User｜>"},
    {ChatFormat::kMistral, "mistral", "[INST]"},
    {ChatFormat::kPhi, "phi", "<|user|>"},
    {ChatFormat::kChatMl, "chatml", "<|im_start|>"},
}};

ChatFormat FormatOf(const std::string& prompt) {
  for (const NamedFormat& known : kFormats) {
    if (prompt.find(known.sign) != std::string::npos) return known.format;
  }
  return ChatFormat::kOther;
}

absl::Status CheckMessages(std::span<const ChatMessage> messages) {
  if (messages.empty()) return absl::InvalidArgumentError("a chat needs at least one message");
  for (const ChatMessage& message : messages) {
    if (std::ranges::find(kRoles, message.role) == kRoles.end()) {
      return absl::InvalidArgumentError("a message's role is \"system\", \"user\" or \"assistant\"");
    }
  }
  return absl::OkStatus();
}

// What `transformers` gives to a template.
TemplateDict MakeVariables(const ChatTemplate& chat_template, std::span<const ChatMessage> messages) {
  TemplateList list;
  for (const ChatMessage& message : messages) {
    list.emplace_back(TemplateDict{{"role", TemplateValue::ServerText(message.role)},
                                   {"content", TemplateValue(MarkedText::User(message.content))}});
  }
  TemplateDict variables = {{"messages", TemplateValue(std::move(list))},
                            {"tools", TemplateValue()},
                            {"documents", TemplateValue()},
                            {"add_generation_prompt", TemplateValue(true)}};
  for (const auto& [name, text] : chat_template.named_tokens) {
    variables.emplace_back(name, TemplateValue::ServerText(text));
  }
  return variables;
}

absl::StatusOr<MarkedText> RenderText(const ChatTemplate& chat_template,
                                      std::span<const ChatMessage> messages) {
  if (chat_template.program == nullptr) return absl::FailedPreconditionError(chat_template.problem);
  PASS_RETURN_IF_ERROR(CheckMessages(messages));
  return chat_template.program->Render(MakeVariables(chat_template, messages));
}

// Text in models that have no token for any role (TinyLlama, Zephyr), tokens in others (Phi).
constexpr std::array<std::string_view, 3> kRoleMarks = {"<|system|>", "<|user|>", "<|assistant|>"};

// A chat's tokens must be tokens: as plain text a user could write them. [INST] is plain text in its own models, and
// so are marks of roles in some.
absl::Status CheckTokens(const MarkedText& prompt, const Tokenizer& tokenizer) {
  const bool roles_are_text = std::ranges::none_of(
      kRoleMarks, [&](std::string_view mark) { return tokenizer.Find(mark).has_value(); });
  for (const std::string_view token : ChatTokens()) {
    if (token.starts_with('[') || tokenizer.Find(token)) continue;
    if (roles_are_text && std::ranges::find(kRoleMarks, token) != kRoleMarks.end()) continue;
    for (size_t at = prompt.text.find(token); at != std::string::npos; at = prompt.text.find(token, at + 1)) {
      if (!Authorship(std::string_view(prompt.marks)).ServerWrote(at, token.size())) continue;
      return absl::FailedPreconditionError(absl::StrCat("the chat template writes ", std::string(token),
                                                        ", which is no token of the vocabulary"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const char* ChatFormatName(ChatFormat format) {
  if (format == ChatFormat::kNone) return "none";
  const auto found = std::ranges::find(kFormats, format, &NamedFormat::format);
  return found == kFormats.end() ? "other" : found->name;
}

ChatTemplate ReadChatTemplate(std::string_view text, std::map<std::string, std::string> named_tokens,
                              const Tokenizer& tokenizer) {
  ChatTemplate chat_template{.named_tokens = std::move(named_tokens)};
  if (text.empty()) return chat_template;
  absl::StatusOr<JinjaTemplate> program = JinjaTemplate::Parse(text);
  if (!program.ok()) {
    chat_template.problem =
        absl::StrCat("the chat template is not understood: ", std::string(program.status().message()));
    return chat_template;
  }
  chat_template.program = std::make_shared<const JinjaTemplate>(*std::move(program));
  chat_template.problem.clear();
  const ChatMessage user{"user", "a"};
  const std::vector<std::vector<ChatMessage>> trials = {
      {user}, {{"system", "b"}, user}, {user, {"assistant", "c"}, user}};
  for (size_t i = 0; i < trials.size(); ++i) {
    const absl::StatusOr<MarkedText> prompt = RenderText(chat_template, trials[i]);
    absl::Status status = prompt.status();
    if (status.ok()) status = CheckTokens(*prompt, tokenizer);
    if (status.ok() && i == 0) chat_template.format = FormatOf(prompt->text);
    // A template may refuse messages of its own will; that is no problem of ours.
    if (status.ok() || (i > 0 && absl::IsInvalidArgument(status))) continue;
    chat_template.problem = std::string(status.message());
    break;
  }
  return chat_template;
}

absl::StatusOr<std::vector<TokenId>> RenderChat(const ChatTemplate& chat_template,
                                                std::span<const ChatMessage> messages,
                                                const Tokenizer& tokenizer) {
  PASS_ASSIGN_OR_RETURN(const MarkedText prompt, RenderText(chat_template, messages));
  PASS_RETURN_IF_ERROR(CheckTokens(prompt, tokenizer));
  return tokenizer.EncodeMarked(prompt);
}

}  // namespace pass
