// Which look-ahead rows one training window holds. Torch-free.
//
// A window is T tokens of one text. Behind an anchor p stand the rows of [LA]_1 .. [LA]_l, at positions p+1 .. p+l; the
// row of [LA]_k learns the model's own distribution of token p+k+1, which the ordinary row at position p+k gives
// (docs/PASS.md). Rows of a group see the window up to their anchor and the earlier rows of their own group, nothing else.
#pragma once

#include <cstdint>
#include <vector>

namespace pass {

struct GroupRow {
  int32_t anchor = 0;  // p
  int32_t k = 0;       // from 1
  int32_t first = 0;   // index of the row of [LA]_1 of its group; the group's rows follow each other

  int32_t position() const { return anchor + k; }
};

struct GroupPlanOptions {
  int lookahead = 8;         // L
  int anchors = 144;         // groups of a window; at most one per anchor
  int window = 160;          // T
  int later_rows_every = 1;  // windows whose groups are longer than one row: one in so many
};

// Groups behind random anchors, the same for the same seed. In windows with later rows groups are of random length: half of
// those with row k have a row k + 1. In the others they are the row of [LA]_1 alone.
std::vector<GroupRow> PlanGroups(const GroupPlanOptions& options, uint64_t seed);

// A group of `length` rows behind every anchor in [first, last].
std::vector<GroupRow> GroupsBehindAll(int32_t first, int32_t last, int length);

}  // namespace pass
