// The best tokens of rows of logits, found on the device: a few numbers of a row are downloaded in place of a vocabulary's.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "core/model/lookahead/shortlist.h"

namespace pass {

// int64 [rows, min(count, vocab) + 1] on the device of logits T [rows, vocab]: keys, the best first, each of which says a
// score and a token; behind them 1 if the row's logits are numbers, else 0. `softcap`: cap c makes a score c tanh(score / c);
// 0: none. Nothing waits for the device.
at::Tensor BestKeys(const at::Tensor& logits, int count, double softcap);

// What one downloaded row of keys says: as BestTokens of the logits.
absl::StatusOr<Shortlist> BestOfKeys(std::span<const int64_t> keys);

}  // namespace pass
