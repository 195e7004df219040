// From a row's logits to what the row asked for: one definition for every model behind the seam. Torch-free,
// pure and thread-safe.
#pragma once

#include <span>

#include "core/language_model/language_model.h"

namespace pass {

// `logits`: float32 [vocabulary] of this row. A row that asks for a token gets the target token of index
// position + 1. Its status is INTERNAL if the logits are not numbers.
RowResult ReadOut(std::span<const float> logits, const Row& row);

}  // namespace pass
