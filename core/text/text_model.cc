#include "core/text/text_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/chat_tokens.h"
#include "core/text/end_tokens.h"
#include "core/text/text_source.h"

namespace pass {
namespace {

// Special tokens, those that end a sequence, those that the chat template writes and those that are known from
// other chats: a user's text makes none of them, whatever the file's flags say.
void MarkControlTokens(const std::string& chat_template, const std::vector<TokenId>& end_ids,
                       std::vector<AddedToken>* tokens) {
  for (AddedToken& token : *tokens) {
    const bool in_template = !token.content.empty() && chat_template.find(token.content) != std::string::npos;
    const bool has_letters = token.content.find_first_not_of(" \t\r\n") != std::string::npos;
    const bool ends = std::ranges::find(end_ids, token.id) != end_ids.end();
    token.control = token.special || ends || (in_template && has_letters) || IsChatToken(token.content);
  }
}

}  // namespace

absl::StatusOr<TextModel> LoadTextModel(const std::string& path) {
  std::error_code ignored;  // a path that cannot be looked at is refused by the readers, with the reason
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  PASS_ASSIGN_OR_RETURN(TextSource source, is_folder ? ReadHuggingFaceText(path) : ReadGgufText(path));
  TextModel model;
  std::vector<std::string> warnings = std::move(source.warnings);
  model.end_of_sequence_ids = FindEndTokens(source, &warnings);
  MarkControlTokens(source.chat_template, model.end_of_sequence_ids, &source.spec.added);
  auto tokenizer = Tokenizer::Create(std::move(source.spec));
  if (!tokenizer.ok()) {
    return absl::Status(tokenizer.status().code(),
                        absl::StrCat(path, ": tokenizer: ", std::string(tokenizer.status().message())));
  }
  model.tokenizer = *std::move(tokenizer);
  model.chat_template =
      ReadChatTemplate(source.chat_template, std::move(source.named_tokens), *model.tokenizer);
  if (!source.chat_template.empty() && !model.chat_template.problem.empty()) {
    warnings.push_back(absl::StrCat(model.chat_template.problem, "; such chats are refused"));
  }
  for (const std::string& warning : warnings) model.warnings.push_back(absl::StrCat(path, ": ", warning));
  return model;
}

absl::StatusOr<std::vector<TokenId>> EncodeText(std::string_view text, const Tokenizer& tokenizer,
                                                bool add_bos, bool parse_control) {
  PASS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, tokenizer.Encode(text, parse_control));
  if (add_bos && tokenizer.bos().has_value()) ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

}  // namespace pass
