#include "core/train/group_plan.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace pass {
namespace {

void AddGroup(int32_t anchor, int length, std::vector<GroupRow>& rows) {
  const auto first = static_cast<int32_t>(rows.size());
  for (int32_t k = 1; k <= length; ++k) rows.push_back({anchor, k, first});
}

}  // namespace

std::vector<GroupRow> PlanGroups(const GroupPlanOptions& options, uint64_t seed) {
  std::mt19937_64 random(seed);
  // The row at position p + k needs the ordinary row p + k, hence p + k <= T - 1.
  std::vector<int32_t> anchors(std::max(0, options.window - 1));
  std::iota(anchors.begin(), anchors.end(), 0);
  for (size_t i = anchors.size(); i > 1; --i) std::swap(anchors[i - 1], anchors[random() % i]);
  anchors.resize(std::min<size_t>(anchors.size(), options.anchors));
  std::sort(anchors.begin(), anchors.end());

  const bool with_later_rows = seed % static_cast<uint64_t>(options.later_rows_every) == 0;
  std::vector<GroupRow> rows;
  for (int32_t anchor : anchors) {
    int length = 1;
    const int longest = with_later_rows ? std::min(options.lookahead, options.window - 1 - anchor) : 1;
    while (length < longest && random() % 2 == 0) ++length;
    AddGroup(anchor, length, rows);
  }
  return rows;
}

std::vector<GroupRow> GroupsBehindAll(int32_t first, int32_t last, int length) {
  std::vector<GroupRow> rows;
  for (int32_t anchor = first; anchor <= last; ++anchor) AddGroup(anchor, length, rows);
  return rows;
}

}  // namespace pass
