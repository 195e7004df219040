// Which tokens end a sequence: what the model's files say, mended where they say too little or what cannot be.
#pragma once

#include <string>
#include <vector>

#include "core/base/token_id.h"
#include "core/text/text_source.h"

namespace pass {

// Ascending, each once, all of them in the vocabulary. The source's ids; and of the tokens that are known to end a
// turn those that the chat template writes, and <|eom_id|>. Ids that no token has are left out, with a warning.
std::vector<TokenId> FindEndTokens(const TextSource& source, std::vector<std::string>* warnings);

}  // namespace pass
