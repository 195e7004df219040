// From a row's logits to what the row asked for. Every model behind the seam uses this one definition.
// Torch-free, pure and thread-safe.
#pragma once

#include <span>

#include "core/language_model/language_model.h"

namespace pass {

// For rows that ask for nothing, a token or a distribution; a shortlist is made by the model itself.
// `logits`: float32 [vocabulary], of this row. INTERNAL in the result's status: the logits are not numbers.
RowResult ReadOut(std::span<const float> logits, const Row& row);

// Whether a row's likeliest `count` tokens decide all that it asked for.
bool BestTokensSuffice(const Row& row, int count);
// The same result from them, if they suffice. `logits`: of `ids`, which may be in any order.
RowResult ReadOut(std::span<const TokenId> ids, std::span<const float> logits, const Row& row);

}  // namespace pass
