#include "core/text/tokenizer_json.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/status_macros.h"
#include "core/text/byte_alphabet.h"
#include "core/text/json_members.h"

namespace pass {
namespace {

constexpr int64_t kMaxVocabulary = int64_t{1} << 24;  // ids in the file decide how much is allocated

absl::Status CheckModel(const std::string& path, const Json& root) {
  const Json& model = Member(root, "model");
  const std::string type = Text(model, "type");
  if (type != "BPE")
    return RefuseKey(path, "model.type", absl::StrCat("'", type, "' is not supported; BPE is"));
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!Text(model, key).empty()) {
      return RefuseKey(path, absl::StrCat("model.", key), "is not supported; null or \"\" is");
    }
  }
  const Json& dropout = Member(model, "dropout");
  if (dropout.is_number() && dropout.get<double>() != 0) {
    return RefuseKey(path, "model.dropout", "is not supported; null is");
  }
  return absl::OkStatus();
}

absl::StatusOr<TokenId> ReadId(const std::string& path, std::string_view key, const Json& id,
                               const std::string& text) {
  if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= kMaxVocabulary) {
    return RefuseKey(path, key,
                     absl::StrCat("the id of '", text, "' is not an integer from 0 to ", kMaxVocabulary - 1));
  }
  return static_cast<TokenId>(id.get<int64_t>());
}

absl::Status ReadVocabulary(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& vocabulary = Member(Member(root, "model"), "vocab");
  if (!vocabulary.is_object()) return RefuseKey(path, "model.vocab", "is not an object");
  for (const auto& [text, id_value] : vocabulary.items()) {
    PASS_ASSIGN_OR_RETURN(const TokenId id, ReadId(path, "model.vocab", id_value, text));
    const auto index = static_cast<size_t>(id);
    if (index >= spec->tokens.size()) spec->tokens.resize(index + 1);
    if (!spec->tokens[index].empty()) {
      return RefuseKey(path, "model.vocab",
                       absl::StrCat("'", text, "' and '", spec->tokens[index], "' have the same id"));
    }
    spec->tokens[index] = text;
  }
  return absl::OkStatus();
}

// A token that is in the vocabulary keeps the id that it has there.
absl::Status ReadAddedTokens(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& added_tokens = Member(root, "added_tokens");
  if (added_tokens.is_null()) return absl::OkStatus();
  if (!added_tokens.is_array()) return RefuseKey(path, "added_tokens", "is not an array");
  const Json& vocabulary = Member(Member(root, "model"), "vocab");
  for (const Json& entry : added_tokens) {
    AddedToken token{.content = Text(entry, "content"),
                     .special = Flag(entry, "special", false),
                     .control = Flag(entry, "special", false),
                     .lstrip = Flag(entry, "lstrip", false),
                     .rstrip = Flag(entry, "rstrip", false),
                     .single_word = Flag(entry, "single_word", false),
                     .normalized = Flag(entry, "normalized", !Flag(entry, "special", false))};
    if (token.content.empty()) continue;
    const auto known = vocabulary.find(token.content);
    PASS_ASSIGN_OR_RETURN(
        token.id, ReadId(path, "added_tokens", known == vocabulary.end() ? Member(entry, "id") : *known,
                         token.content));
    spec->added.push_back(std::move(token));
  }
  return absl::OkStatus();
}

absl::Status ReadMerges(const std::string& path, const Json& root, TokenizerSpec* spec) {
  const Json& merges = Member(Member(root, "model"), "merges");
  if (!merges.is_array()) return RefuseKey(path, "model.merges", "is not an array");
  spec->merges.reserve(merges.size());
  for (const Json& merge : merges) {
    if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      spec->merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.is_string() ? merge.get<std::string>() : std::string();
    const size_t space = text.find(' ');
    if (space == std::string::npos) {
      return RefuseKey(path, "model.merges",
                       absl::StrCat("entry ", spec->merges.size(), " is not a pair of tokens"));
    }
    spec->merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return absl::OkStatus();
}

// Where every byte has a token there is no unknown text.
absl::Status CheckUnknownToken(const std::string& path, const Json& root, const TokenizerSpec& spec) {
  if (spec.alphabet != Alphabet::kBytes || Member(Member(root, "model"), "unk_token").is_null()) {
    return absl::OkStatus();
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (FindTokenId(spec, PrintableFromByte(static_cast<uint8_t>(byte)))) continue;
    return RefuseKey(path, "model.unk_token", "is not supported where the vocabulary lacks bytes; null is");
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<TokenId> FindTokenId(const TokenizerSpec& spec, std::string_view token) {
  if (token.empty()) return std::nullopt;
  const auto added = std::ranges::find(spec.added, token, &AddedToken::content);
  if (added != spec.added.end()) return added->id;
  const auto found = std::ranges::find(spec.tokens, token);
  if (found == spec.tokens.end()) return std::nullopt;
  return static_cast<TokenId>(found - spec.tokens.begin());
}

absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::string& path, const nlohmann::json& root) {
  PASS_RETURN_IF_ERROR(CheckModel(path, root));
  TokenizerSpec spec;
  PASS_RETURN_IF_ERROR(ReadTextSteps(path, root, &spec));
  spec.ignore_merges = Flag(Member(root, "model"), "ignore_merges", false);
  PASS_RETURN_IF_ERROR(ReadVocabulary(path, root, &spec));
  PASS_RETURN_IF_ERROR(ReadAddedTokens(path, root, &spec));
  PASS_RETURN_IF_ERROR(CheckUnknownToken(path, root, spec));
  PASS_RETURN_IF_ERROR(ReadMerges(path, root, &spec));
  PASS_RETURN_IF_ERROR(ReadPostProcessor(path, root, &spec));
  return spec;
}

}  // namespace pass
