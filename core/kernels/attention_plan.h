// Which keys each row of a forward reads, worked out once per forward and used by every layer.
//
// Keys are read through one logical index, the absolute position, in blocks of kPageTokens aligned to it. A block that
// is committed as a whole is a page of the cache. Any other block is gathered: its first keys come from the page, the
// others from rows of this forward. A row's arithmetic therefore depends on the positions alone, not on where its keys
// lie. A row reads a prefix of its last block; rows of one chain share the gathered block of the deepest of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace pass {

inline constexpr int kPageTokens = 16;
inline constexpr int kMaxTaskRows = 16;

// A row as attention sees it.
struct AttentionRow {
  int32_t position = 0;
  int parent = -1;                 // row of this forward, or -1: the committed prefix
  int32_t committed = 0;           // tokens committed in its sequence
  const int32_t* pages = nullptr;  // the sequence's page table (borrowed)
};

struct GatheredBlock {
  int32_t first_position = 0;
  int32_t page = -1;                    // of the committed part; -1: none
  int committed = 0;                    // keys that come from the page
  std::array<int, kPageTokens> rows{};  // row of key i, for i >= committed; -1: none
  std::vector<int> readers;             // rows that read this block, ascending
};

// Up to kMaxTaskRows rows of one sequence, contiguous in the forward.
struct AttentionTask {
  int first_row = 0;
  int num_rows = 0;
  const int32_t* pages = nullptr;
  int num_full_pages = 0;     // read by every row of the task
  std::vector<int> gathered;  // indices into AttentionPlan::blocks, ascending by first_position
};

struct AttentionPlan {
  std::vector<AttentionRow> rows;
  std::vector<GatheredBlock> blocks;
  std::vector<AttentionTask> tasks;
};

// Parents come before their children. Rows of one sequence that are not contiguous give several tasks, which is slower
// and nothing else. `rows_per_task`: 1 to kMaxTaskRows.
AttentionPlan PlanAttention(std::span<const AttentionRow> rows, int rows_per_task);

}  // namespace pass
