#include "server/dialects/pass_v1/prompt.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/utf8.h"
#include "core/text/text_model.h"
#include "server/logging.h"

namespace pass::pass_v1 {
namespace {

// Beside its content a message costs a few control tokens, counted here as bytes so that one cap bounds both.
constexpr int64_t kBytesPerMessage = 32;

// Of what a chat template says to a refusal: trailers have little room.
constexpr size_t kMaxTemplateCharacters = 250;

// A template's words in one line that no terminal and no log obeys.
std::string Harmless(std::string_view words) {
  std::string line;
  for (size_t count = 0; !words.empty(); ++count) {
    if (count == kMaxTemplateCharacters) return line + "...";
    const Utf8Step step = NextUtf8(words);
    const std::string_view character = words.substr(0, step.length);
    words.remove_prefix(step.length);
    if (step.kind != Utf8Kind::kCharacter) {
      line += kReplacementCharacter;
      continue;
    }
    const char32_t code = CodePoint(character);
    const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    line += is_control ? " " : character;
  }
  return line;
}

std::string TooManyBytes(int64_t limit) { return absl::StrCat("at most ", limit, " bytes"); }

// `why`: of the model's files, which are no secret: no template, or what of it is not understood.
absl::Status CannotWriteChat(const std::string& why) {
  return absl::FailedPreconditionError(absl::StrCat(why, "; send text or token_ids"));
}

absl::StatusOr<std::vector<TokenId>> TranslateChat(const v1::Chat& chat, const ServedModel& model,
                                                   const RequestLimits& limits, Violations* violations) {
  int64_t bytes = 0;
  bool well_formed = true;
  for (int i = 0; i < chat.messages_size(); ++i) {
    const v1::ChatMessage& message = chat.messages(i);
    bytes += static_cast<int64_t>(message.content().size()) + kBytesPerMessage;
    if (message.role() != "system" && message.role() != "user" && message.role() != "assistant") {
      violations->Add(absl::StrCat("chat.messages[", i, "].role"), "must be system, user or assistant");
      well_formed = false;
    }
  }
  if (chat.messages().empty()) violations->Add("chat.messages", "must not be empty");
  if (bytes > limits.max_prompt_bytes) {
    violations->Add("chat.messages", absl::StrCat(TooManyBytes(limits.max_prompt_bytes),
                                                  ", each message counted with ", kBytesPerMessage, " more"));
  }
  if (!well_formed || chat.messages().empty() || bytes > limits.max_prompt_bytes)
    return std::vector<TokenId>{};
  const ChatTemplate& chat_template = model.text.chat_template;
  if (chat_template.format == ChatFormat::kNone) return CannotWriteChat(chat_template.problem);

  std::vector<ChatMessage> messages;
  messages.reserve(static_cast<size_t>(chat.messages_size()));
  for (const v1::ChatMessage& message : chat.messages())
    messages.push_back({message.role(), message.content()});
  auto ids = RenderChat(chat_template, messages, *model.text.tokenizer);
  // For instance two turns of the user one after the other, where the model knows none.
  if (ids.status().code() == absl::StatusCode::kInvalidArgument) {
    violations->Add("chat.messages", Harmless(std::string(ids.status().message())));
    return std::vector<TokenId>{};
  }
  // A bound of the template's own run, and nothing that another attempt would change.
  if (ids.status().code() == absl::StatusCode::kResourceExhausted) {
    violations->Add("chat.messages",
                    absl::StrCat("too many or too long messages for the model's chat template (",
                                 std::string(ids.status().message()), "); send fewer, or send text"));
    return std::vector<TokenId>{};
  }
  if (ids.status().code() == absl::StatusCode::kFailedPrecondition) {
    return CannotWriteChat(std::string(ids.status().message()));
  }
  return ids;
}

}  // namespace

absl::Status TextError(const absl::Status& error, const std::string& request_id) {
  Log(LogLevel::kError, "text_error", {{"id", request_id}, {"error", error.ToString()}});
  return ClientError(error, request_id);
}

void CheckTokenIds(const google::protobuf::RepeatedField<int32_t>& ids, int64_t vocab_size,
                   const std::string& field, Violations* violations) {
  for (int i = 0; i < ids.size(); ++i) {
    const int64_t id = ids[i];
    if (id < 0 || id >= vocab_size) {
      violations->Add(absl::StrCat(field, "[", i, "]"), absl::StrCat("must be from 0 to ", vocab_size - 1));
    }
  }
}

absl::StatusOr<std::vector<TokenId>> TranslatePrompt(const v1::GenerateRequest& request,
                                                     const ServedModel& model, const RequestLimits& limits,
                                                     Violations* violations) {
  switch (request.prompt_case()) {
    case v1::GenerateRequest::kText: {
      const auto bytes = static_cast<int64_t>(request.text().size());
      if (bytes == 0) violations->Add("text", "must not be empty");
      if (bytes > limits.max_prompt_bytes) violations->Add("text", TooManyBytes(limits.max_prompt_bytes));
      if (bytes == 0 || bytes > limits.max_prompt_bytes) return std::vector<TokenId>{};
      const Tokenizer& tokenizer = *model.text.tokenizer;
      return EncodeText(request.text(), tokenizer, tokenizer.add_bos());
    }
    case v1::GenerateRequest::kTokenIds: {
      const auto& ids = request.token_ids().ids();
      if (ids.empty()) violations->Add("token_ids.ids", "must not be empty");
      if (ids.size() >= model.max_sequence_tokens) {
        violations->Add("token_ids.ids", absl::StrCat("at most ", model.max_sequence_tokens - 1, " ids"));
        return std::vector<TokenId>{};
      }
      CheckTokenIds(ids, model.info.vocab_size, "token_ids.ids", violations);
      return std::vector<TokenId>(ids.begin(), ids.end());
    }
    case v1::GenerateRequest::kChat:
      return TranslateChat(request.chat(), model, limits, violations);
    case v1::GenerateRequest::PROMPT_NOT_SET:
      break;
  }
  violations->Add("prompt", "one of text, token_ids and chat is needed");
  return std::vector<TokenId>{};
}

}  // namespace pass::pass_v1
