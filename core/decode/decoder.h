// A decoder is a state machine of one sequence: it plans the rows of its part of the next forward and absorbs
// their results. It never calls the model, so that the engine can merge the rows of many sequences into one
// forward, and their requests for drafts into one call.
//
// A step: Ask and Answer in turn until Ask wants nothing more, Plan, the forward, Absorb.
//
// Owner: the engine's sequence. Thread: the engine's.
//
// Invariants
//  1. Before and after each step the frontier is: `position` committed tokens, and one newest token which
//     stands at index `position` and is not committed.
//  2. After Absorb, the caller commits the rows named in `commit`, and the newest token is the last emitted
//     one: commit.size() == emitted.size().
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/decode/draft_origin.h"
#include "core/language_model/language_model.h"

namespace pass {

// Where a sequence stands between two forwards.
struct Frontier {
  SequenceId sequence = 0;
  TokenId newest = 0;
  int32_t position = 0;  // index of `newest`, equal to the number of committed tokens
  const SamplingOptions* sampling = nullptr;
  std::span<const TokenId> text = {};  // prompt and output up to `newest`: position + 1 tokens
  int32_t tokens_left = std::numeric_limits<int32_t>::max();  // more than these are cut off
};

struct Absorbed {
  std::vector<TokenId> emitted;  // in order; at least one
  std::vector<int> commit;       // indices into the planned rows
  // False: a draft forward of `pass`, whose message follows with the validation.
  bool validation_step = false;
  int drafted = 0;  // of this validation step
  int accepted = 0;
  int drafted_positions = 0;  // draft positions that held a draft: `drafted` in a chain, a tree's depth
  CountByOrigin drafted_by_origin = {};
  std::vector<DraftOrigin> accepted_from = {};  // one per accepted draft, in order
  DraftHandle release_before = 0;               // handles below this one are not needed any more
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // What is to be proposed before the rows can be planned; empty: nothing more. The caller asks the model for
  // all its sequences at once, and comes back after Answer.
  virtual std::vector<ProposalRequest> Ask(const Frontier& /*frontier*/) { return {}; }
  // `proposals`: one per request of the last Ask, in order.
  virtual void Answer(const Frontier& /*frontier*/, std::span<const Proposal> /*proposals*/) {}

  // The rows of the next forward, first the newest token's. Parents are indices into the returned rows.
  virtual std::vector<Row> Plan(const Frontier& frontier) = 0;

  // `results`: one per planned row, in order, each OK. `frontier`: as given to Plan.
  virtual Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) = 0;

  // True between rounds, when another decoder may take the sequence over.
  virtual bool AtBoundary() const = 0;
};

}  // namespace pass
