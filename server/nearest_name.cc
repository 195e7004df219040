#include "server/nearest_name.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace pass {

int EditDistance(std::string_view a, std::string_view b) {
  // Rows of the table for the last two prefixes of `a` and the present one; columns are prefixes of `b`.
  std::array<std::vector<int>, 3> rows;
  for (std::vector<int>& row : rows) row.resize(b.size() + 1);
  auto& [before, last, row] = rows;
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::string NearestName(std::string_view given, std::span<const std::string> names, int most) {
  std::string nearest;
  for (const std::string& name : names) {
    const int distance = EditDistance(given, name);
    if (distance > most) continue;
    most = distance - 1;
    nearest = name;
  }
  return nearest;
}

}  // namespace pass
