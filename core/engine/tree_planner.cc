#include "core/engine/tree_planner.h"

#include <algorithm>

namespace pass {
namespace {

constexpr double kPrice = 0.1;
constexpr double kGroupValue = 0.6;

}  // namespace

TreePlanner::TreePlanner(int longest_group) : group_value_(longest_group + 1, kGroupValue) {
  group_value_[0] = 0;
}

void TreePlanner::Plan(std::span<const Offer> offers, int spare_rows) const {
  for (const Offer& offer : offers) {
    const RowLimits limits{.longest_group = offer.decoder->longest_group(), .group_value = group_value_};
    RowChoice choice =
        ChooseRowsWithin(offer.decoder->tree(), limits, kPrice, std::min(offer.most_rows, 1 + spare_rows));
    spare_rows -= choice.rows - 1;
    offer.decoder->Choose(std::move(choice));
  }
}

}  // namespace pass
