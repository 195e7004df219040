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
  int prefill_left = std::min(budget.prefill_rows, rows_left);
  for (size_t i = 0; i < needs.size() && prefill_left > 0; ++i) {
    const RowNeed& need = needs[i];
    if (need.decode_rows == 0 || need.prefill_rows == 0) continue;
    grants[i].prefill_rows = std::min(need.prefill_rows, prefill_left);
    rows_left -= grants[i].prefill_rows;
    grants[i].decode = grants[i].prefill_rows == need.prefill_rows && need.decode_rows <= rows_left;
    if (grants[i].decode) rows_left -= need.decode_rows;
    prefill_left = std::min(prefill_left - grants[i].prefill_rows, rows_left);
  }
  return grants;
}

}  // namespace pass
