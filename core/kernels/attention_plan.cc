#include "core/kernels/attention_plan.h"

#include <algorithm>

#include "core/base/check.h"

namespace pass {
namespace {

int32_t BlockStart(int32_t position) { return position - position % kPageTokens; }

// The block that ends with `row`: committed keys first, then the row and its ancestors within the block.
GatheredBlock Gather(std::span<const AttentionRow> rows, int row) {
  const AttentionRow& deepest = rows[row];
  GatheredBlock block;
  block.first_position = BlockStart(deepest.position);
  block.rows.fill(-1);
  block.committed = std::clamp<int32_t>(deepest.committed - block.first_position, 0, kPageTokens);
  if (block.committed > 0) block.page = deepest.pages[block.first_position / kPageTokens];
  for (int r = row; r >= 0 && rows[r].position >= block.first_position; r = rows[r].parent) {
    block.rows[rows[r].position - block.first_position] = r;
  }
  return block;
}

// The nearest ancestor in an earlier block, or -1 if all earlier keys are committed.
int LastRowOfPreviousBlock(std::span<const AttentionRow> rows, int row) {
  const int32_t start = BlockStart(rows[row].position);
  int r = row;
  while (r >= 0 && rows[r].position >= start) r = rows[r].parent;
  return r;
}

}  // namespace

AttentionPlan PlanAttention(std::span<const AttentionRow> rows, int rows_per_task) {
  PASS_CHECK(rows_per_task >= 1 && rows_per_task <= kMaxTaskRows);
  AttentionPlan plan;
  plan.rows.assign(rows.begin(), rows.end());
  const int num_rows = static_cast<int>(rows.size());

  // Deepest rows first: a parent in the same block reads its child's block, of which its own keys are a prefix.
  std::vector<int> last_block(num_rows, -1);
  for (int r = num_rows - 1; r >= 0; --r) {
    if (last_block[r] < 0) {
      last_block[r] = static_cast<int>(plan.blocks.size());
      plan.blocks.push_back(Gather(rows, r));
    }
    const int parent = rows[r].parent;
    if (parent >= 0 && BlockStart(rows[parent].position) == BlockStart(rows[r].position)) {
      last_block[parent] = last_block[r];
    }
  }

  for (int r = 0; r < num_rows; ++r) {
    for (int end = r; end >= 0; end = LastRowOfPreviousBlock(rows, end)) {
      plan.blocks[last_block[end]].readers.push_back(r);
    }
  }

  for (int r = 0; r < num_rows;) {
    AttentionTask task;
    task.first_row = r;
    task.pages = rows[r].pages;
    task.num_full_pages = rows[r].committed / kPageTokens;
    while (r < num_rows && rows[r].pages == task.pages && task.num_rows < rows_per_task) ++task.num_rows, ++r;
    for (int b = 0; b < static_cast<int>(plan.blocks.size()); ++b) {
      const auto& readers = plan.blocks[b].readers;
      const auto first = std::lower_bound(readers.begin(), readers.end(), task.first_row);
      if (first != readers.end() && *first < r) task.gathered.push_back(b);
    }
    std::stable_sort(task.gathered.begin(), task.gathered.end(), [&](int a, int b) {
      return plan.blocks[a].first_position < plan.blocks[b].first_position;
    });
    plan.tasks.push_back(std::move(task));
  }
  return plan;
}

}  // namespace pass
