// The tokenizer.ggml.* keys of a GGUF file.
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/gguf.h"
#include "core/text/text_source.h"

namespace pass {
namespace {

absl::Status Refuse(const GgufFile& file, std::string_view key, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(file.path(), ": ", std::string(key), ": ", std::string(why)));
}

absl::Status Missing(const GgufFile& file, std::string_view key) {
  return Refuse(file, key, "is missing; convert the model again with a current converter");
}

absl::StatusOr<std::string> RequireString(const GgufFile& file, std::string_view key) {
  PASS_ASSIGN_OR_RETURN(std::optional<std::string> value, file.FindString(key));
  if (!value) return Missing(file, key);
  return *std::move(value);
}

absl::StatusOr<PreTokenizer> ReadPreTokenizer(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.pre";
  PASS_ASSIGN_OR_RETURN(const std::string pre, RequireString(file, kKey));
  if (pre == "gpt-2" || pre == "gpt2") return PreTokenizer::kGpt2;
  if (pre == "smollm") return PreTokenizer::kSmolLm;
  if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") return PreTokenizer::kLlama3;
  return Refuse(file, kKey, absl::StrCat("'", pre, "' is not supported; gpt-2, smollm and llama-bpe are"));
}

absl::StatusOr<std::vector<TokenKind>> ReadKinds(const GgufFile& file) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  PASS_ASSIGN_OR_RETURN(const std::optional<std::vector<int32_t>> types, file.FindInts(kKey));
  if (!types) return Missing(file, kKey);
  std::vector<TokenKind> kinds;
  kinds.reserve(types->size());
  for (const int32_t type : *types) {
    switch (type) {
      case 1:
        kinds.push_back(TokenKind::kNormal);
        break;
      case 2:  // the unknown token, which byte-level encoding never gives
      case 3:
        kinds.push_back(TokenKind::kControl);
        break;
      case 4:
        kinds.push_back(TokenKind::kAdded);
        break;
      case 5:
        kinds.push_back(TokenKind::kUnused);
        break;
      default:
        return Refuse(file, kKey,
                      absl::StrCat("token type ", type, " is not one of a byte-level vocabulary"));
    }
  }
  return kinds;
}

absl::Status ReadMerges(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  PASS_ASSIGN_OR_RETURN(const std::optional<std::vector<std::string>> merges, file.FindStrings(kKey));
  if (!merges) return Missing(file, kKey);
  spec->merges.reserve(merges->size());
  for (const std::string& merge : *merges) {
    const size_t space = merge.find(' ');
    if (space == std::string::npos) {
      return Refuse(file, kKey, absl::StrCat("'", merge, "' is not two tokens with a space between them"));
    }
    spec->merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return absl::OkStatus();
}

absl::Status ReadBos(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.bos_token_id";
  PASS_ASSIGN_OR_RETURN(const std::optional<uint64_t> bos, file.FindUint(kKey));
  if (bos && *bos >= spec->tokens.size()) return Refuse(file, kKey, "is outside the vocabulary");
  if (bos) spec->bos = static_cast<TokenId>(*bos);
  PASS_ASSIGN_OR_RETURN(const std::optional<bool> add_bos, file.FindBool("tokenizer.ggml.add_bos_token"));
  // Converters leave the key out where the family's habit is meant.
  spec->add_bos = add_bos.value_or(spec->pre_tokenizer == PreTokenizer::kLlama3 && spec->bos.has_value());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TextSource> ReadGgufText(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<GgufFile> file, GgufFile::Open(path));
  PASS_ASSIGN_OR_RETURN(const std::string model, RequireString(*file, "tokenizer.ggml.model"));
  if (model != "gpt2") {
    return Refuse(*file, "tokenizer.ggml.model", absl::StrCat("'", model, "' is not supported; gpt2 is"));
  }
  TextSource source;
  TokenizerSpec& spec = source.spec;
  PASS_ASSIGN_OR_RETURN(spec.pre_tokenizer, ReadPreTokenizer(*file));
  spec.ignore_merges = spec.pre_tokenizer == PreTokenizer::kLlama3;
  PASS_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> tokens,
                        file->FindStrings("tokenizer.ggml.tokens"));
  if (!tokens) return Missing(*file, "tokenizer.ggml.tokens");
  spec.tokens = *std::move(tokens);
  PASS_ASSIGN_OR_RETURN(spec.kinds, ReadKinds(*file));
  PASS_RETURN_IF_ERROR(ReadMerges(*file, &spec));
  PASS_RETURN_IF_ERROR(ReadBos(*file, &spec));
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    PASS_ASSIGN_OR_RETURN(const std::optional<uint64_t> id, file->FindUint(key));
    if (id) source.end_of_sequence_ids.push_back(static_cast<int64_t>(*id));
  }
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> chat_template,
                        file->FindString("tokenizer.chat_template"));
  source.chat_template = chat_template.value_or("");
  return source;
}

}  // namespace pass
