#include "core/kernels/attention_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace pass {
namespace {

// What a row reads according to the plan: a page slot (page * kPageTokens + slot) or -1 - row, by position.
std::vector<int> KeysOf(const AttentionPlan& plan, int row) {
  const auto task = std::find_if(plan.tasks.begin(), plan.tasks.end(), [&](const AttentionTask& t) {
    return row >= t.first_row && row < t.first_row + t.num_rows;
  });
  std::vector<int> keys;
  for (int p = 0; p < task->num_full_pages; ++p) {
    for (int i = 0; i < kPageTokens; ++i) keys.push_back(task->pages[p] * kPageTokens + i);
  }
  for (int index : task->gathered) {
    const GatheredBlock& block = plan.blocks[index];
    if (!std::binary_search(block.readers.begin(), block.readers.end(), row)) continue;
    EXPECT_EQ(block.first_position, static_cast<int>(keys.size())) << "blocks come in the order of positions";
    for (int i = 0; i < kPageTokens && block.first_position + i <= plan.rows[row].position; ++i) {
      keys.push_back(i < block.committed ? block.page * kPageTokens + i : -1 - block.rows[i]);
    }
  }
  return keys;
}

std::vector<int> ExpectedKeys(const std::vector<AttentionRow>& rows, int row) {
  std::vector<int> keys(rows[row].position + 1);
  for (int r = row; r >= 0; r = rows[r].parent) keys[rows[r].position] = -1 - r;
  for (int p = 0; p < rows[row].committed; ++p)
    keys[p] = rows[row].pages[p / kPageTokens] * kPageTokens + p % kPageTokens;
  return keys;
}

TEST(AttentionPlan, GivesEachRowItsCommittedPrefixAndItsAncestorsInOrder) {
  const uint32_t seed = 42;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::vector<int32_t>> pages(1 + random() % 3);
    std::vector<AttentionRow> rows;
    for (auto& table : pages) {
      const int32_t committed = static_cast<int32_t>(random() % 50);
      for (int i = 0; i < 10; ++i) table.push_back(static_cast<int32_t>(random() % 1000));
      const int first = static_cast<int>(rows.size()), count = 1 + static_cast<int>(random() % 40);
      const bool chain = random() % 2 == 0;
      for (int i = 0; i < count; ++i) {
        int parent = i == 0 ? -1 : first + (chain ? i - 1 : static_cast<int>(random() % i));
        const int32_t position = parent < 0 ? committed : rows[parent].position + 1;
        rows.push_back({position, parent, committed, table.data()});
      }
    }
    const AttentionPlan plan = PlanAttention(rows, 1 + static_cast<int>(random() % kMaxTaskRows));
    for (int r = 0; r < static_cast<int>(rows.size()); ++r)
      ASSERT_EQ(KeysOf(plan, r), ExpectedKeys(rows, r)) << "row " << r;
  }
}

TEST(AttentionPlan, SharesOneGatheredBlockAmongTheRowsOfAChain) {
  const std::vector<int32_t> pages = {0, 1, 2};
  std::vector<AttentionRow> rows;
  for (int i = 0; i < 32; ++i) rows.push_back({i, i - 1, 0, pages.data()});
  EXPECT_EQ(PlanAttention(rows, kMaxTaskRows).blocks.size(), 2u);
}

}  // namespace
}  // namespace pass
