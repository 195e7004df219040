#include "core/text/end_tokens.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "core/text/chat_tokens.h"

namespace pass {
namespace {

bool HasToken(const TokenizerSpec& spec, int64_t id) {
  if (id >= 0 && id < static_cast<int64_t>(spec.tokens.size()) &&
      !spec.tokens[static_cast<size_t>(id)].empty()) {
    return true;
  }
  return std::ranges::any_of(spec.added, [id](const AddedToken& token) { return token.id == id; });
}

}  // namespace

std::vector<TokenId> FindEndTokens(const TextSource& source, std::vector<std::string>* warnings) {
  std::set<TokenId> ids;
  for (const int64_t id : source.end_of_sequence_ids) {
    if (HasToken(source.spec, id)) {
      ids.insert(static_cast<TokenId>(id));
    } else {
      warnings->push_back(absl::StrCat(
          "eos_token_id ", id, " is no token of the vocabulary and is left out: correct it in the file"));
    }
  }
  for (const AddedToken& token : source.spec.added) {
    const bool in_template = source.chat_template.find(token.content) != std::string::npos;
    if (EndsTurn(token.content) && (in_template || token.content == "<|eom_id|>")) ids.insert(token.id);
  }
  if (ids.empty()) {
    warnings->push_back(
        "no token ends a sequence: set eos_token_id, or give requests max_tokens and stop strings; without, "
        "every "
        "answer runs to its limit");
  }
  return {ids.begin(), ids.end()};
}

}  // namespace pass
