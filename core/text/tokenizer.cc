#include "core/text/tokenizer.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "core/text/byte_pair_tokenizer.h"

namespace pass {
namespace {

absl::Status ValidateSpec(const TokenizerSpec& spec) {
  if (spec.tokens.empty()) return absl::InvalidArgumentError("the vocabulary is empty");
  if (spec.tokens.size() > static_cast<size_t>(std::numeric_limits<TokenId>::max())) {
    return absl::InvalidArgumentError("the vocabulary is too large");
  }
  if (!spec.scores.empty() && spec.scores.size() != spec.tokens.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", spec.tokens.size(), " tokens but ", spec.scores.size(), " scores"));
  }
  if (spec.add_bos && !spec.bos) {
    return absl::InvalidArgumentError("prompts are to begin with bos, but there is no bos token");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tokenizer>> Tokenizer::Create(TokenizerSpec spec) {
  PASS_RETURN_IF_ERROR(ValidateSpec(spec));
  PASS_ASSIGN_OR_RETURN(std::unique_ptr<BytePairTokenizer> tokenizer,
                        BytePairTokenizer::Create(std::move(spec)));
  return tokenizer;
}

std::string Tokenizer::Decode(std::span<const TokenId> ids, bool skip_special_tokens, bool continues) const {
  std::string text;
  for (const TokenId id : ids) {
    if (skip_special_tokens && Kind(id) == TokenKind::kControl) continue;
    text.append(TokenBytes(id));
  }
  if (!continues && strips_first_space() && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

}  // namespace pass
