// A decoder decides, for one sequence, which rows the next forward has and which tokens come of them. It is a state
// machine: it never calls the model, so that the engine can put the rows of many sequences into one forward, and their
// requests for drafts into one call.
//
// One step of a sequence has four parts, in this order:
//   Ask, Answer   in turn, until Ask returns nothing: what the model's head should draft, and what it drafted.
//   Choose        only if offer() is not null: somebody decides which of the offered candidates get a row.
//   Plan          the rows of the next forward.
//   Absorb        what the forward gave for these rows; returns the tokens that are now decided.
//
// Owner: the engine's sequence. Thread: the engine's.
//
// Invariants
//  1. Before and after each step, `position` tokens are committed, and one newest token is not: it stands at index
//     `position`, and its row is the first of the next forward. This is the frontier.
//  2. After Absorb the caller commits the rows named in `commit`. The newest token is then the last emitted one, so
//     commit.size() == emitted.size().
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/decode/draft_origin.h"
#include "core/decode/row_choice.h"
#include "core/language_model/language_model.h"

namespace pass {

// Where a sequence stands between two forwards.
struct Frontier {
  SequenceId sequence = 0;
  TokenId newest = 0;
  int32_t position = 0;  // index of `newest`, equal to the number of committed tokens
  const SamplingOptions* sampling = nullptr;
  std::span<const TokenId> text = {};  // prompt and output up to `newest`: position + 1 tokens
  int32_t tokens_left = std::numeric_limits<int32_t>::max();  // tokens beyond these are cut off
  double least_reach =
      0.05;  // a candidate that is less likely to be accepted than this is not worth asking about
};

struct Absorbed {
  std::vector<TokenId> emitted;  // in order; at least one
  std::vector<int> commit;       // indices into the planned rows
  // False: a draft forward of `pass`, whose message follows with the validation.
  bool validation_step = false;
  int drafted = 0;  // drafts that this validation step judged
  int accepted = 0;
  int drafted_positions = 0;  // places ahead of the newest token that held a draft: in a tree, its depth
  CountByOrigin drafted_by_origin = {};
  std::vector<DraftOrigin> accepted_from = {};  // one per accepted draft, in order
  DraftHandle release_before = 0;               // the model may forget handles below this one; 0: none
  int group_rows = 0;  // look-ahead rows of this forward that the next step can draft from
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // Room that the next forward must have for this decoder: the most rows that Plan returns, Choose left aside.
  virtual int rows_wanted() const { return 1; }

  // What the model's head should draft before the rows can be planned; empty: nothing more. The caller asks the model
  // for all its sequences at once, and comes back after Answer.
  virtual std::vector<ProposalRequest> Ask(const Frontier& /*frontier*/) { return {}; }
  // `proposals`: one per request of the last Ask, in order.
  virtual void Answer(const Frontier& /*frontier*/, std::span<const Proposal> /*proposals*/) {}

  // The candidates that may get rows, between the last Ask and Plan. Null: the rows are fixed. Valid until Plan.
  virtual const RowOffer* offer() const { return nullptr; }
  // Answers the offer. Without it Plan returns the newest token's row alone.
  virtual void Choose(RowChoice /*choice*/) {}

  // The rows of the next forward, first the newest token's. Parents are indices into the returned rows.
  virtual std::vector<Row> Plan(const Frontier& frontier) = 0;

  // `results`: one per planned row, in order, each OK. `frontier`: as given to Plan.
  virtual Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) = 0;

  // True if another decoder may take the sequence over now.
  virtual bool AtBoundary() const { return true; }
};

}  // namespace pass
