// The tokenizer.json of a Hugging Face folder, as far as byte-level BPE goes. What would change the ids and
// is not supported (a normalizer, byte_fallback, dropout, other pre-tokenizers, added tokens that strip) is
// refused by name.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "core/text/tokenizer.h"
#include "nlohmann/json_fwd.hpp"

namespace pass {

// `path` is for messages. bos and add_bos are set where the post-processor prepends a token.
// INVALID_ARGUMENT.
absl::StatusOr<TokenizerSpec> ReadTokenizerJson(const std::string& path, const nlohmann::json& root);

// The id of a token as it is written in the file; nullopt if there is none.
std::optional<TokenId> FindTokenId(const TokenizerSpec& spec, std::string_view token);

}  // namespace pass
