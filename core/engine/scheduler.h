// Which rows ride in the next forward: a pure function from what each sequence needs to what each one gets.
//
// Rules
//  1. Decoding goes first, so that prompts of others never stop a stream. A decoder's rows are never split.
//  2. Prompts share `prefill_rows`, the oldest first.
//  3. A sequence whose whole remaining prompt fits decodes in the same forward if its decoder's rows fit too.
//  4. Something is always granted when anything is needed: the first decoder in line, alone, may exceed
//     `rows`.
//  5. Decoders that did not fit are the first in line in the forward after.
#pragma once

#include <span>
#include <vector>

namespace pass {

struct RowNeed {
  int prefill_rows = 0;  // prompt rows still to be committed; above 0: the sequence does not decode yet
  int decode_rows = 0;   // the most rows that its decoder may plan; 0: it needs nothing now (a slow reader)
  int left_out = 0;      // forwards in a row in which it was ready to decode and did not fit
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
