// The tokenizer.ggml.* keys of a GGUF file.
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/files/gguf.h"
#include "core/text/chat_tokens.h"
#include "core/text/pre_tokenizers.h"
#include "core/text/text_source.h"

namespace pass {
namespace {

constexpr std::string_view kWordMark = "\xE2\x96\x81";  // U+2581

// Token types as the file numbers them.
constexpr int32_t kNormalType = 1;
constexpr int32_t kUnknownType = 2;
constexpr int32_t kControlType = 3;
constexpr int32_t kUserDefinedType = 4;
constexpr int32_t kUnusedType = 5;
constexpr int32_t kByteType = 6;

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

// Splits tokens into the vocabulary and what is added to it.
absl::Status ReadTokens(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.token_type";
  PASS_ASSIGN_OR_RETURN(std::optional<std::vector<std::string>> tokens,
                        file.FindStrings("tokenizer.ggml.tokens"));
  if (!tokens) return Missing(file, "tokenizer.ggml.tokens");
  PASS_ASSIGN_OR_RETURN(const std::optional<std::vector<int32_t>> types, file.FindInts(kKey));
  if (!types) return Missing(file, kKey);
  if (types->size() != tokens->size()) {
    return Refuse(file, kKey, absl::StrCat("has ", types->size(), " types for ", tokens->size(), " tokens"));
  }
  for (size_t id = 0; id < tokens->size(); ++id) {
    const int32_t type = (*types)[id];
    std::string& text = (*tokens)[id];
    if (type < kNormalType || type > kByteType) {
      return Refuse(file, kKey, absl::StrCat("token type ", type, " is not one of a vocabulary"));
    }
    // Converters have marked the tokens of chats as normal ones; no merge makes them.
    const bool control = type == kControlType || type == kUnknownType || IsChatToken(text);
    if (type == kUnusedType) {
      text.clear();
    } else if ((control && type != kByteType) || type == kUserDefinedType) {
      spec->added.push_back(
          {.id = static_cast<TokenId>(id), .content = text, .special = control, .control = control});
      // What users added may be a part of the vocabulary too, and is then made by merges as before.
      if (control) text.clear();
    }
  }
  spec->tokens = *std::move(tokens);
  return absl::OkStatus();
}

absl::Status ReadMerges(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  PASS_ASSIGN_OR_RETURN(const std::optional<std::vector<std::string>> merges, file.FindStrings(kKey));
  if (!merges) return Missing(file, kKey);
  spec->merges.reserve(merges->size());
  for (const std::string& merge : *merges) {
    const size_t space = merge.find(' ', 1);
    if (space == std::string::npos) {
      return Refuse(file, kKey, absl::StrCat("'", merge, "' is not two tokens with a space between them"));
    }
    spec->merges.emplace_back(merge.substr(0, space), merge.substr(space + 1));
  }
  return absl::OkStatus();
}

// The id under the key. kNoToken where the file says that the model has no such token: minus one, in its unsigned form
// too.
constexpr int64_t kNoToken = -1;
absl::StatusOr<std::optional<int64_t>> FindId(const GgufFile& file, std::string_view key) {
  const auto value = file.metadata().find(key);
  const bool is_signed = value != file.metadata().end() &&
                         (value->second.type == GgufType::kInt32 || value->second.type == GgufType::kInt64);
  const absl::StatusOr<std::optional<uint64_t>> id = file.FindUint(key);
  if (!id.ok() && !is_signed) return id.status();
  if (!id.ok() || *id == UINT32_MAX) return kNoToken;
  if (!id->has_value()) return std::nullopt;
  return static_cast<int64_t>(**id);
}

absl::Status ReadBos(const GgufFile& file, bool family_adds_bos, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.bos_token_id";
  PASS_ASSIGN_OR_RETURN(const std::optional<int64_t> bos, FindId(file, kKey));
  if (bos == kNoToken) return absl::OkStatus();  // whatever add_bos_token says: there is nothing to add
  if (bos && (*bos < 0 || *bos >= static_cast<int64_t>(spec->tokens.size()))) {
    return Refuse(file, kKey, "is outside the vocabulary; correct it, or write -1 for none");
  }
  if (bos) spec->bos = static_cast<TokenId>(*bos);
  PASS_ASSIGN_OR_RETURN(const std::optional<bool> add_bos, file.FindBool("tokenizer.ggml.add_bos_token"));
  // Converters leave the key out where the family's habit is meant.
  spec->add_bos = add_bos.value_or(family_adds_bos && spec->bos.has_value());
  return absl::OkStatus();
}

// "gpt2": byte-level, with merges.
absl::Status ReadByteLevel(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.pre";
  PASS_ASSIGN_OR_RETURN(const std::string pre, RequireString(file, kKey));
  absl::StatusOr<PreTokenizerFamily> family = FindPreTokenizer(pre);
  if (!family.ok()) return Refuse(file, kKey, std::string(family.status().message()));
  spec->splits = std::move(family->splits);
  spec->normalizer = std::move(family->normalizer);
  spec->ignore_merges = family->ignore_merges;
  PASS_RETURN_IF_ERROR(ReadTokens(file, spec));
  PASS_RETURN_IF_ERROR(ReadMerges(file, spec));
  return ReadBos(file, family->adds_bos, spec);
}

absl::Status ReadScores(const GgufFile& file, TokenizerSpec* spec) {
  constexpr std::string_view kKey = "tokenizer.ggml.scores";
  const auto found = file.metadata().find(kKey);
  if (found == file.metadata().end()) return Missing(file, kKey);
  const GgufValue& value = found->second;
  if (!value.is_array || value.type != GgufType::kFloat32 || value.count != spec->tokens.size()) {
    return Refuse(file, kKey, absl::StrCat("is not an array of ", spec->tokens.size(), " 32-bit numbers"));
  }
  spec->scores.resize(value.count);
  std::memcpy(spec->scores.data(), value.data.data(), value.data.size());
  return absl::OkStatus();
}

// "llama": SentencePiece, with scores.
absl::Status ReadSentencePiece(const GgufFile& file, TokenizerSpec* spec) {
  spec->alphabet = Alphabet::kCharacters;
  PASS_RETURN_IF_ERROR(ReadTokens(file, spec));
  PASS_RETURN_IF_ERROR(ReadScores(file, spec));
  PASS_ASSIGN_OR_RETURN(const std::optional<bool> prefix, file.FindBool("tokenizer.ggml.add_space_prefix"));
  const bool adds_space = prefix.value_or(true);
  if (adds_space) {
    spec->normalizer.push_back({.kind = NormalizerStep::Kind::kPrepend, .content = std::string(kWordMark)});
  }
  spec->normalizer.push_back(
      {.kind = NormalizerStep::Kind::kReplace, .pattern = " ", .content = std::string(kWordMark)});
  spec->strips_first_space = adds_space;
  return ReadBos(file, /*family_adds_bos=*/true, spec);
}

// The texts of the tokens that a chat template may ask for by these names.
absl::Status ReadNamedTokens(const GgufFile& file, TextSource* source) {
  PASS_ASSIGN_OR_RETURN(const std::optional<std::vector<std::string>> tokens,
                        file.FindStrings("tokenizer.ggml.tokens"));
  for (const auto& [key, name] : {std::pair("tokenizer.ggml.bos_token_id", "bos_token"),
                                  std::pair("tokenizer.ggml.eos_token_id", "eos_token"),
                                  std::pair("tokenizer.ggml.unknown_token_id", "unk_token"),
                                  std::pair("tokenizer.ggml.padding_token_id", "pad_token")}) {
    const absl::StatusOr<std::optional<uint64_t>> id = file.FindUint(key);
    if (id.ok() && *id && **id < tokens->size()) source->named_tokens[name] = (*tokens)[**id];
  }
  return absl::OkStatus();
}

// The keys hold one id each. Models that end at several (a turn's end, and a text's end) name the others in
// generation_config.json, which the file does not have: a text's end is known by its name, as in llama.cpp.
absl::Status ReadEndIds(const GgufFile& file, TextSource* source) {
  for (const char* key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    PASS_ASSIGN_OR_RETURN(const std::optional<int64_t> id, FindId(file, key));
    if (id) source->end_of_sequence_ids.push_back(*id);
  }
  for (const AddedToken& token : source->spec.added) {
    const bool ends_text = token.content == "<|endoftext|>" || token.content == "<|end_of_text|>";
    if (ends_text && token.control) source->end_of_sequence_ids.push_back(token.id);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TextSource> ReadGgufText(const std::string& path) {
  PASS_ASSIGN_OR_RETURN(const std::unique_ptr<GgufFile> file, GgufFile::Open(path));
  constexpr std::string_view kModelKey = "tokenizer.ggml.model";
  PASS_ASSIGN_OR_RETURN(const std::string model, RequireString(*file, kModelKey));
  TextSource source;
  if (model == "gpt2") {
    PASS_RETURN_IF_ERROR(ReadByteLevel(*file, &source.spec));
  } else if (model == "llama") {
    PASS_RETURN_IF_ERROR(ReadSentencePiece(*file, &source.spec));
  } else {
    return Refuse(*file, kModelKey, absl::StrCat("'", model, "' is not supported; gpt2 and llama are"));
  }
  PASS_RETURN_IF_ERROR(ReadEndIds(*file, &source));
  PASS_RETURN_IF_ERROR(ReadNamedTokens(*file, &source));
  PASS_ASSIGN_OR_RETURN(const std::optional<std::string> chat_template,
                        file->FindString("tokenizer.chat_template"));
  source.chat_template = chat_template.value_or("");
  return source;
}

}  // namespace pass
