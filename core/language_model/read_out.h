// From a row's logits to what the row asked for. Every model behind the seam uses this one definition.
// Torch-free, pure and thread-safe.
#pragma once

#include <span>

#include "core/language_model/language_model.h"

namespace pass {

// `logits`: float32 [vocabulary], of this row. Gives kNothing, kToken and kDistribution; a shortlist is the
// model's own business. INTERNAL in the result's status: the logits are not numbers.
RowResult ReadOut(std::span<const float> logits, const Row& row);

}  // namespace pass
