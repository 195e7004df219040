#include "core/engine/scheduler.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

// Indices of the sequences that decode without prefill, those left out the longest first, then the oldest.
std::vector<size_t> DecodersInLine(std::span<const RowNeed> needs) {
  std::vector<size_t> line;
  for (size_t i = 0; i < needs.size(); ++i) {
    if (needs[i].decode_rows > 0 && needs[i].prefill_rows == 0) line.push_back(i);
  }
  std::stable_sort(line.begin(), line.end(),
                   [&](size_t a, size_t b) { return needs[a].left_out > needs[b].left_out; });
  return line;
}

std::vector<size_t> PromptsInLine(std::span<const RowNeed> needs) {
  std::vector<size_t> line;
  for (size_t i = 0; i < needs.size(); ++i) {
    if (needs[i].decode_rows > 0 && needs[i].prefill_rows > 0) line.push_back(i);
  }
  return line;
}

// At most `rows` prompt rows to those in the line, one after the other. Returns what is left of them.
int GrantPrompts(std::span<const RowNeed> needs, std::span<const size_t> line, int rows,
                 std::vector<RowGrant>& grants) {
  for (size_t i : line) {
    const int granted = std::min(needs[i].prefill_rows - grants[i].prefill_rows, rows);
    grants[i].prefill_rows += granted;
    rows -= granted;
  }
  return rows;
}

}  // namespace

std::vector<RowGrant> PlanForward(std::span<const RowNeed> needs, const RowBudget& budget) {
  std::vector<RowGrant> grants(needs.size());
  int rows_left = budget.rows;
  bool first = true;
  for (size_t i : DecodersInLine(needs)) {
    if (needs[i].decode_rows > rows_left && !first) continue;
    grants[i].decode = true;
    rows_left -= needs[i].decode_rows;
    first = false;
  }
  const int prompt_rows = std::min(budget.prefill_rows, std::max(rows_left, 0));
  const std::vector<size_t> oldest = PromptsInLine(needs);
  std::vector<size_t> shortest = oldest;
  std::ranges::stable_sort(shortest, {}, [&](size_t i) { return needs[i].prefill_rows; });
  const int half = prompt_rows / 2;
  const int left = GrantPrompts(needs, shortest, half, grants) + prompt_rows - half;
  rows_left -= prompt_rows - GrantPrompts(needs, oldest, left, grants);
  for (size_t i : oldest) {
    if (grants[i].prefill_rows < needs[i].prefill_rows || needs[i].decode_rows > rows_left) continue;
    grants[i].decode = true;
    rows_left -= needs[i].decode_rows;
  }
  return grants;
}

}  // namespace pass
