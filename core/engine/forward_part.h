// A sequence's part of one forward: which of the forward's rows are its own, and what came of them. The
// sequence makes it when it plans its rows and completes it when it takes their results. The engine reads it.
// Plain data.
#pragma once

#include <optional>
#include <vector>

#include "core/decode/decoder.h"
#include "core/decode/methods.h"

namespace pass {

struct ForwardPart {
  Method method = Method::kPlain;  // of its decoding rows
  int first_row = 0;               // index into the forward's rows; prefill rows come first
  int prefill_rows = 0;
  int decode_rows = 0;
  int lookahead_rows = 0;  // of decode_rows

  // What the decoder made of the results; empty if the sequence did not decode, or if one of its rows failed.
  std::optional<Absorbed> absorbed = std::nullopt;
  std::vector<int> commit = {};  // rows of the forward whose keys and values are to be kept
  int emitted = 0;               // tokens; those behind a stop are left out

  bool rides() const { return prefill_rows + decode_rows > 0; }
  bool decodes() const { return decode_rows > 0; }
};

}  // namespace pass
