#include "core/text/text_model.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/text_source.h"

namespace pass {

absl::StatusOr<TextModel> LoadTextModel(const std::string& path) {
  std::error_code ignored;  // a path that cannot be looked at is refused by the readers, with the reason
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  PASS_ASSIGN_OR_RETURN(TextSource source, is_folder ? ReadHuggingFaceText(path) : ReadGgufText(path));
  TextModel model;
  auto tokenizer = Tokenizer::Create(std::move(source.spec));
  if (!tokenizer.ok()) {
    return absl::Status(tokenizer.status().code(),
                        absl::StrCat(path, ": tokenizer: ", std::string(tokenizer.status().message())));
  }
  model.tokenizer = *std::move(tokenizer);
  for (const int64_t id : source.end_of_sequence_ids) {
    if (id < 0 || id >= model.tokenizer->vocab_size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": eos_token_id: ", id, " is outside the vocabulary of the tokenizer"));
    }
    model.end_of_sequence_ids.push_back(static_cast<TokenId>(id));
  }
  model.chat_template = RecognizeChatTemplate(source.chat_template);
  if (const auto id = model.tokenizer->Find(EndOfTurnToken(model.chat_template.format))) {
    model.end_of_sequence_ids.push_back(*id);
  }
  std::sort(model.end_of_sequence_ids.begin(), model.end_of_sequence_ids.end());
  const auto end = std::unique(model.end_of_sequence_ids.begin(), model.end_of_sequence_ids.end());
  model.end_of_sequence_ids.erase(end, model.end_of_sequence_ids.end());
  return model;
}

absl::StatusOr<std::vector<TokenId>> EncodeText(std::string_view text, const Tokenizer& tokenizer,
                                                bool add_bos, bool parse_control) {
  PASS_ASSIGN_OR_RETURN(std::vector<TokenId> ids, tokenizer.Encode(text, parse_control));
  if (add_bos && tokenizer.bos().has_value()) ids.insert(ids.begin(), *tokenizer.bos());
  return ids;
}

}  // namespace pass
