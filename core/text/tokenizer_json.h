// The tokenizer.json of a Hugging Face folder, as far as byte-pair encoding goes. What would change the ids and is
// not supported (other models, normalizers, pre-tokenizers, dropout) is refused by name.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"
#include "nlohmann/json_fwd.hpp"

namespace pass {

// `path` is for messages. bos and add_bos are set where the post-processor prepends a token.
// INVALID_ARGUMENT.
absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::string& path, const nlohmann::json& root);

// Its parts, in files of their own: the steps of text to pieces (normalizer, pre_tokenizer, decoder), and the
// post-processor. They fill in `spec`.
absl::Status ReadTextSteps(const std::string& path, const nlohmann::json& root, TokenizerSpec* spec);
absl::Status ReadPostProcessor(const std::string& path, const nlohmann::json& root, TokenizerSpec* spec);

// The id of a token as it is written in the file; nullopt if there is none.
std::optional<TokenId> FindTokenId(const TokenizerSpec& spec, std::string_view token);

}  // namespace pass
