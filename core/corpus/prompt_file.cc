#include "core/corpus/prompt_file.h"

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/base/utf8.h"
#include "core/files/mapped_file.h"

namespace pass {
namespace {

constexpr std::string_view kSeparator = "%%";
constexpr std::string_view kRoles[] = {"system", "user", "assistant"};

std::string_view TakeLine(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

std::string_view WithoutLineBreaksAtEnd(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> Split(std::string_view bytes) {
  std::vector<std::string_view> parts;
  const char* begin = bytes.data();
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view line = TakeLine(rest);
    if (line != kSeparator) continue;
    parts.emplace_back(begin, static_cast<size_t>(line.data() - begin));
    begin = rest.data();
  }
  parts.emplace_back(begin, static_cast<size_t>(bytes.data() + bytes.size() - begin));
  return parts;
}

// The role that this line begins a message of, or nothing.
std::string_view RoleOf(std::string_view line) {
  if (!line.starts_with('@')) return {};
  for (const std::string_view role : kRoles) {
    if (line.substr(1) == role) return role;
  }
  return {};
}

// `text` begins with the line of a role.
std::vector<ChatMessage> ParseChat(std::string_view text) {
  std::vector<ChatMessage> messages;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (const std::string_view role = RoleOf(line); !role.empty()) {
      messages.push_back({.role = std::string(role), .content = {}});
    } else {
      absl::StrAppend(&messages.back().content, std::string(line), "\n");
    }
  }
  for (ChatMessage& message : messages)
    message.content = std::string(WithoutLineBreaksAtEnd(message.content));
  return messages;
}

absl::StatusOr<Prompt> ParsePrompt(std::string_view part) {
  const std::string_view text = WithoutLineBreaksAtEnd(part);
  if (ValidUtf8Prefix(text) != text.size()) return absl::InvalidArgumentError("is not UTF-8: convert it");
  if (text.empty()) return absl::InvalidArgumentError("is empty: remove it or its separator");
  std::string_view rest = text;
  const std::string_view role = RoleOf(TakeLine(rest));
  if (role.empty() || role == "assistant") return Prompt{.text = std::string(text), .chat = {}};
  Prompt prompt{.text = {}, .chat = ParseChat(text)};
  for (const ChatMessage& message : prompt.chat) {
    if (message.content.empty())
      return absl::InvalidArgumentError("has an empty message: write or remove it");
  }
  if (prompt.chat.back().role != "user") {
    return absl::InvalidArgumentError("does not end with a message of the user: add one");
  }
  return prompt;
}

}  // namespace

absl::StatusOr<std::vector<Prompt>> ParsePrompts(std::string_view bytes, const std::string& name) {
  std::vector<Prompt> prompts;
  for (const std::string_view part : Split(bytes)) {
    absl::StatusOr<Prompt> prompt = ParsePrompt(part);
    if (!prompt.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": prompt ", prompts.size() + 1, " ", std::string(prompt.status().message())));
    }
    prompts.push_back(*std::move(prompt));
  }
  return prompts;
}

absl::StatusOr<std::vector<Prompt>> ReadPromptFile(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file, MappedFile::Open(path));
  const std::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  return ParsePrompts(bytes, path);
}

absl::StatusOr<std::vector<TokenId>> EncodePrompt(const Prompt& prompt, const TextModel& model) {
  if (!prompt.chat.empty()) return RenderChat(model.chat_template, prompt.chat, *model.tokenizer);
  return EncodeText(prompt.text, *model.tokenizer, model.tokenizer->add_bos());
}

}  // namespace pass
