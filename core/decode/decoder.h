// A decoder decides, for one sequence, which rows the next forward has and which tokens come of them. It
// never calls the model itself. So the engine can put the rows of many sequences into one forward, and their
// requests for proposals into one call.
//
// A draft is a token that a decoder proposes. The forward over its row decides whether it is accepted. In a
// tree every token that may come next is a candidate, and a candidate that gets a row is a draft.
//
// A step is what one sequence does in one forward. It has four parts, in this order:
//   Ask, Answer   in turn until Ask returns nothing. The decoder says which proposals it needs (likely tokens
//                 for one place, see LanguageModel::Propose) and is given them.
//   Choose        only if offer() is not null. The engine says which of the offered candidates get a row.
//   Plan          the decoder returns the rows of the forward.
//   Absorb        the decoder is given one result per row and returns the tokens that are now decided.
//
// Owner: the engine's Sequence. Thread: the engine's.
//
// Invariants
//  1. Between two steps a sequence has one newest token, at index `position`. All tokens before it are
//     committed, or their rows ride in the next forward as prefill rows. The newest token itself is not
//     committed, and its row is the first of the next step. The newest token and its index are the frontier.
//  2. After Absorb the caller commits the rows that `commit` names. The last emitted token is then the newest
//     token, so commit.size() == emitted.size().
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/decode/draft_origin.h"
#include "core/decode/row_choice.h"
#include "core/language_model/language_model.h"

namespace pass {

// Where a sequence stands between two steps.
struct Frontier {
  SequenceId sequence = 0;
  TokenId newest = 0;
  int32_t position = 0;  // index of `newest`, equal to the number of tokens before it
  const SamplingOptions* sampling = nullptr;
  std::span<const TokenId> text = {};  // prompt and output, `newest` last: position + 1 tokens
  int32_t tokens_left = std::numeric_limits<int32_t>::max();  // tokens emitted beyond these are cut off
  double least_reach = 0.05;  // a candidate of a smaller reach (draft_tree.h) gets no candidates behind it
};

// What came of a step.
struct Absorbed {
  std::vector<TokenId> emitted;  // in order; at least one
  std::vector<int> commit;       // indices into the planned rows
  // True if this forward decided which drafts are kept, even if there were none. False for a draft forward
  // of `pass`: its token is shown to the client together with those of the forward after it.
  bool validation_step = false;
  int drafted = 0;            // drafts that this validation step judged
  int accepted = 0;           // of them
  int drafted_positions = 0;  // places ahead of the newest token that held a draft: in a tree, largest depth
  CountByOrigin drafted_by_origin = {};
  std::vector<DraftOrigin> accepted_from = {};  // one per accepted draft, in order
  DraftHandle release_before = 0;               // the model may forget handles below this one; 0: none
  int group_rows = 0;  // look-ahead rows of this forward that the next step can draft from
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // The most rows that Plan returns if Choose was not called. The scheduler keeps room for so many.
  virtual int rows_wanted() const { return 1; }

  // The proposals that the decoder needs before it can go on; empty: no more. The caller asks the model for
  // those of all sequences at once, and calls Ask again after Answer.
  virtual std::vector<ProposalRequest> Ask(const Frontier& /*frontier*/) { return {}; }
  // `proposals`: one per request of the last Ask, in order.
  virtual void Answer(const Frontier& /*frontier*/, std::span<const Proposal> /*proposals*/) {}

  // The candidates that may get rows. Valid after the last Ask and until Plan. Null: the decoder's rows are
  // fixed.
  virtual const RowOffer* offer() const { return nullptr; }
  // Answers the offer. If there is an offer and Choose is not called, Plan returns the newest token's row
  // alone.
  virtual void Choose(const RowChoice& /*choice*/) {}

  // The rows of the next forward, the newest token's first. Parents are indices into the returned rows.
  virtual std::vector<Row> Plan(const Frontier& frontier) = 0;

  // `results`: one per planned row, in order. The newest token's is OK. Another row that failed is as if it had not been
  // planned: plain decoding might never come to it. `frontier`: the one that Plan was given.
  virtual Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) = 0;

  // True if another decoder may take the sequence over now.
  virtual bool AtBoundary() const { return true; }
};

}  // namespace pass
