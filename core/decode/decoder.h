// A decoder is a state machine of one sequence: it plans the rows of its part of the next forward and absorbs
// their results. It never calls the model, so that the engine can merge the rows of many sequences into one
// forward.
//
// Owner: the engine's sequence. Thread: the engine's.
//
// Invariants
//  1. Before and after each Plan/Absorb pair the frontier is: `position` committed tokens, and one newest
//  token which
//     stands at index `position` and is not committed.
//  2. After Absorb, the caller commits the rows named in `commit`, and the newest token is the last emitted
//  one:
//     commit.size() == emitted.size().
#pragma once

#include <span>
#include <vector>

#include "core/model/language_model.h"

namespace pass {

// Where a sequence stands between two forwards.
struct Frontier {
  SequenceId sequence = 0;
  TokenId newest = 0;
  int32_t position = 0;  // index of `newest`, equal to the number of committed tokens
  const SamplingOptions* sampling = nullptr;
};

struct Absorbed {
  std::vector<TokenId> emitted;  // in order; at least one
  std::vector<int> commit;       // indices into the planned rows
  bool validation_step =
      false;        // false: a draft forward of `pass`, whose message follows with the validation
  int drafted = 0;  // of this validation step
  int accepted = 0;
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // The rows of the next forward, first the newest token's. Parents are indices into the returned rows.
  virtual std::vector<Row> Plan(const Frontier& frontier) = 0;

  // `results`: one per planned row, in order, each OK. `frontier`: as given to Plan.
  virtual Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) = 0;

  // True between rounds, when another decoder may take the sequence over.
  virtual bool AtBoundary() const = 0;
};

}  // namespace pass
