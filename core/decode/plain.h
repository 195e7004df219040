// Method `plain`: autoregressive decoding, one row and one token a forward. It is the baseline, with nothing
// speculative in it.
#pragma once

#include <span>
#include <vector>

#include "core/decode/decoder.h"

namespace pass {

// Stateless. Every forward counts as a validation step with nothing drafted.
class PlainDecoder final : public Decoder {
 public:
  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;
};

}  // namespace pass
