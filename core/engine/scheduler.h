// The schedule of the next forward: which sequences get rows in it, and how many. A pure function from what
// each sequence needs to what it is granted.
//
// Rules
//  1. Decoding goes first, so that prompts of others never stop a stream. A decoder's rows are never split.
//  2. Half of `prefill_rows` goes to the prompts of which the least is left, so that a short prompt does not wait for a long
//     one. The rest goes to the oldest first, so that none waits without end.
//  3. A sequence whose whole remaining prompt is granted decodes in the same forward, if its decoder's rows
//     fit too.
//  4. If anything is needed, something is granted: the first decoder in line may exceed `rows`, and then
//     decodes alone.
//  5. Decoders that did not fit are the first in line in the next forward.
#pragma once

#include <span>
#include <vector>

namespace pass {

struct RowNeed {
  int prefill_rows = 0;  // prompt rows that are not committed yet; above 0: the sequence does not decode yet
  int decode_rows = 0;   // room that its decoder needs (Decoder::rows_wanted); 0: it can do nothing now
  int left_out = 0;      // forwards, one after the other, in which it was ready to decode and did not fit
};

struct RowGrant {
  int prefill_rows = 0;
  bool decode = false;

  bool operator==(const RowGrant&) const = default;
};

struct RowBudget {
  int rows = 0;          // of the whole forward
  int prefill_rows = 0;  // of them, prompt rows
};

// `needs`: oldest first. One grant per need, in the same order.
std::vector<RowGrant> PlanForward(std::span<const RowNeed> needs, const RowBudget& budget);

}  // namespace pass
