// Autoregressive decoding: one row and one token a forward. The baseline, with nothing speculative in it.
#pragma once

#include <span>
#include <vector>

#include "core/decode/decoder.h"

namespace pass {

// Stateless: every forward is a round of its own and a validation step with drafted 0.
class PlainDecoder final : public Decoder {
 public:
  std::vector<Row> Plan(const Frontier& frontier) override;
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override;
};

}  // namespace pass
