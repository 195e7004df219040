#include "core/text/tokenizer_json.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/byte_alphabet.h"
#include "nlohmann/json.hpp"

namespace pass {
namespace {

using Json = nlohmann::json;

constexpr int64_t kMaxVocabulary = int64_t{1} << 24;  // ids in the file decide how much is allocated

constexpr std::string_view kGpt2Expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

absl::Status Refuse(const std::string& path, std::string_view key, std::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", std::string(key), ": ", std::string(why)));
}

// The member of that name; a null value if there is none, which the typed look-ups below take as "not there".
const Json& Member(const Json& object, const char* key) {
  static const Json* const kNull = new Json();
  if (!object.is_object()) return *kNull;
  const auto found = object.find(key);
  return found == object.end() ? *kNull : *found;
}

bool Flag(const Json& object, const char* key, bool fallback) {
  const Json& value = Member(object, key);
  return value.is_boolean() ? value.get<bool>() : fallback;
}

std::string Text(const Json& object, const char* key) {
  const Json& value = Member(object, key);
  return value.is_string() ? value.get<std::string>() : std::string();
}

bool IsByteLevel(const Json& pre, bool use_regex) {
  return Text(pre, "type") == "ByteLevel" && !Flag(pre, "add_prefix_space", true) &&
         Flag(pre, "use_regex", true) == use_regex;
}

bool IsSplit(const Json& pre, std::string_view expression) {
  return Text(pre, "type") == "Split" && Text(Member(pre, "pattern"), "Regex") == expression &&
         Text(pre, "behavior") == "Isolated" && !Flag(pre, "invert", false);
}

std::optional<PreTokenizer> RecognizePreTokenizer(const Json& pre) {
  if (IsByteLevel(pre, /*use_regex=*/true)) return PreTokenizer::kGpt2;
  const Json& steps = Member(pre, "pretokenizers");
  if (Text(pre, "type") != "Sequence" || !steps.is_array() || steps.size() != 2) return std::nullopt;
  if (Text(steps[0], "type") == "Digits" && Flag(steps[0], "individual_digits", false) &&
      IsByteLevel(steps[1], /*use_regex=*/true)) {
    return PreTokenizer::kSmolLm;
  }
  if (!IsByteLevel(steps[1], /*use_regex=*/false)) return std::nullopt;
  if (IsSplit(steps[0], kLlama3Expression)) return PreTokenizer::kLlama3;
  if (IsSplit(steps[0], kGpt2Expression)) return PreTokenizer::kGpt2;
  return std::nullopt;
}

absl::Status CheckModel(const std::string& path, const Json& root) {
  const Json& model = Member(root, "model");
  const std::string type = Text(model, "type");
  if (type != "BPE") return Refuse(path, "model.type", absl::StrCat("'", type, "' is not supported; BPE is"));
  if (!Member(root, "normalizer").is_null()) {
    return Refuse(path, "normalizer",
                  absl::StrCat("'", Text(root["normalizer"], "type"), "' is not supported; null is"));
  }
  if (Flag(model, "byte_fallback", false))
    return Refuse(path, "model.byte_fallback", "true is not supported");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!Text(model, key).empty()) {
      return Refuse(path, absl::StrCat("model.", key), "is not supported; null or \"\" is");
    }
  }
  const Json& dropout = Member(model, "dropout");
  if (dropout.is_number() && dropout.get<double>() != 0) {
    return Refuse(path, "model.dropout", "is not supported; null is");
  }
  return absl::OkStatus();
}

absl::Status SetToken(const std::string& path, std::string_view key, const Json& id, std::string text,
                      TokenKind kind, TokenizerSpec* spec) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kMaxVocabulary) {
    return Refuse(path, key,
                  absl::StrCat("the id of '", text, "' is not an integer from 0 to ", kMaxVocabulary - 1));
  }
  const auto index = static_cast<size_t>(id.get<int64_t>());
  if (index >= spec->tokens.size()) {
    spec->tokens.resize(index + 1);
    spec->kinds.resize(index + 1, TokenKind::kUnused);
  }
  if (kind == TokenKind::kNormal && spec->kinds[index] != TokenKind::kUnused) {
    return Refuse(path, key, absl::StrCat("'", text, "' and '", spec->tokens[index], "' have the same id"));
  }
  spec->tokens[index] = std::move(text);
  spec->kinds[index] = kind;
  return absl::OkStatus();
}

absl::Status ReadTokens(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& vocabulary = Member(Member(root, "model"), "vocab");
  if (!vocabulary.is_object()) return Refuse(path, "model.vocab", "is not an object");
  for (const auto& [text, id] : vocabulary.items()) {
    PASS_RETURN_IF_ERROR(SetToken(path, "model.vocab", id, text, TokenKind::kNormal, spec));
  }
  const Json& added_tokens = Member(root, "added_tokens");
  if (added_tokens.is_null()) return absl::OkStatus();
  if (!added_tokens.is_array()) return Refuse(path, "added_tokens", "is not an array");
  for (const Json& token : added_tokens) {
    const std::string content = Text(token, "content");
    for (const char* key : {"single_word", "lstrip", "rstrip"}) {
      if (Flag(token, key, false)) {
        return Refuse(path, "added_tokens",
                      absl::StrCat("'", content, "' sets ", key, ", which is not supported"));
      }
    }
    const TokenKind kind = Flag(token, "special", false) ? TokenKind::kControl : TokenKind::kAdded;
    PASS_RETURN_IF_ERROR(SetToken(path, "added_tokens", Member(token, "id"), content, kind, spec));
  }
  return absl::OkStatus();
}

// Where every byte has a token there is no unknown text.
bool LacksAByte(const TokenizerSpec& spec) {
  for (int byte = 0; byte < 256; ++byte) {
    if (!FindTokenId(spec, PrintableFromByte(static_cast<uint8_t>(byte)))) return true;
  }
  return false;
}

absl::Status ReadMerges(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& merges = Member(Member(root, "model"), "merges");
  if (!merges.is_array()) return Refuse(path, "model.merges", "is not an array");
  spec->merges.reserve(merges.size());
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      spec->merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
    const size_t space = text.find(' ');
    if (space == std::string::npos) {
      return Refuse(path, "model.merges",
                    absl::StrCat("entry ", spec->merges.size(), " is not a pair of tokens"));
    }
    spec->merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return absl::OkStatus();
}

// A template's "single" is what one text becomes: [bos and] the text.
absl::Status ReadTemplate(const std::string& path, const Json& processor, TokenizerSpec* spec) {
  const auto refuse = [&] {
    return Refuse(path, "post_processor.single",
                  "is not supported; the text, with or without one token before it, is");
  };
  const Json& single = Member(processor, "single");
  if (!single.is_array() || single.empty() || single.size() > 2) return refuse();
  if (!Member(single.back(), "Sequence").is_object()) return refuse();
  if (single.size() == 1) return absl::OkStatus();
  const std::string token = Text(Member(single[0], "SpecialToken"), "id");
  spec->bos = FindTokenId(*spec, token);
  if (!spec->bos) return refuse();
  spec->add_bos = true;
  return absl::OkStatus();
}

absl::Status ReadPostProcessor(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& processor = Member(root, "post_processor");
  if (processor.is_null()) return absl::OkStatus();
  const bool is_sequence =
      Text(processor, "type") == "Sequence" && Member(processor, "processors").is_array();
  const Json steps = is_sequence ? processor["processors"] : Json::array({processor});
  for (const Json& step : steps) {
    const std::string type = Text(step, "type");
    if (type == "ByteLevel") continue;  // changes offsets, not ids
    if (type != "TemplateProcessing") {
      return Refuse(path, "post_processor",
                    absl::StrCat("'", type, "' is not supported; TemplateProcessing is"));
    }
    PASS_RETURN_IF_ERROR(ReadTemplate(path, step, spec));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<TokenId> FindTokenId(const TokenizerSpec& spec, std::string_view token) {
  const auto found = std::find(spec.tokens.begin(), spec.tokens.end(), token);
  if (token.empty() || found == spec.tokens.end()) return std::nullopt;
  return static_cast<TokenId>(found - spec.tokens.begin());
}

absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::string& path, const nlohmann::json& root) {
  PASS_RETURN_IF_ERROR(CheckModel(path, root));
  TokenizerSpec spec;
  const Json& pre = Member(root, "pre_tokenizer");
  const std::optional<PreTokenizer> pre_tokenizer = RecognizePreTokenizer(pre);
  if (!pre_tokenizer) {
    return Refuse(path, "pre_tokenizer",
                  absl::StrCat("'", Text(pre, "type"),
                               "' in this form is not supported; those of GPT-2, SmolLM and Llama 3 are"));
  }
  spec.pre_tokenizer = *pre_tokenizer;
  spec.ignore_merges = Flag(Member(root, "model"), "ignore_merges", false);
  PASS_RETURN_IF_ERROR(ReadTokens(path, root, &spec));
  if (!Member(Member(root, "model"), "unk_token").is_null() && LacksAByte(spec)) {
    return Refuse(path, "model.unk_token", "is not supported where the vocabulary lacks bytes; null is");
  }
  PASS_RETURN_IF_ERROR(ReadMerges(path, root, &spec));
  PASS_RETURN_IF_ERROR(ReadPostProcessor(path, root, &spec));
  return spec;
}

}  // namespace pass
