#include "core/decode/row_choice.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

// profit[node][l]: of the best choice of what stands behind the node, a group of l rows included, if the node
// itself is chosen; what the group is worth counts as if no child were chosen, a child takes its part away.
class Sweep {
 public:
  Sweep(const RowOffer& offer, std::span<const double> group_value, double price)
      : tree_(*offer.tree),
        longest_group_(offer.longest_group),
        group_value_(group_value),
        price_(price),
        width_(group_value.size()),
        profit_(tree_.size() * width_),
        best_(tree_.size()) {
    for (int node = tree_.size() - 1; node >= 0; --node) {
      Settle(node);
      if (node == 0) break;
      double* parent = &profit_[tree_[node].parent * width_];
      for (size_t l = 0; l < width_; ++l) parent[l] += std::max(0.0, Gain(node, l));
    }
  }

  // Profit of choosing `node` when its parent has a group of l rows.
  double Gain(int node, size_t l) const {
    const size_t own = best_[node];
    return tree_[node].reach * (1.0 - group_value_[l]) - price_ + profit_[node * width_ + own];
  }
  int best_group(int node) const { return static_cast<int>(best_[node]); }

 private:
  // All children are in profit_ already: they come after their parent.
  void Settle(int node) {
    double* profit = &profit_[node * width_];
    const size_t longest = std::min<size_t>(longest_group_[node], width_ - 1);
    for (size_t l = 0; l <= longest; ++l) {
      profit[l] += group_value_[l] * tree_[node].reach - price_ * static_cast<double>(l);
      if (profit[l] > profit[best_[node]]) best_[node] = l;
    }
  }

  const DraftTree& tree_;
  const std::span<const int> longest_group_;
  const std::span<const double> group_value_;
  const double price_;
  const size_t width_;  // lengths of a group, 0 included
  std::vector<double> profit_;
  std::vector<size_t> best_;  // group length of each node, were it chosen
};

}  // namespace

RowChoice ChooseRows(const RowOffer& offer, std::span<const double> group_value, double price) {
  const DraftTree& tree = *offer.tree;
  const Sweep sweep(offer, group_value, price);
  RowChoice choice;
  choice.group.assign(tree.size(), RowChoice::kLeftOut);
  choice.rows = 0;
  std::vector<double> stop(tree.size(), 0.0);  // how likely the walk stops at each chosen node
  for (int node = 0; node < tree.size(); ++node) {
    if (node > 0) {
      const int parent = tree[node].parent;
      if (choice.group[parent] == RowChoice::kLeftOut || sweep.Gain(node, choice.group[parent]) <= 0)
        continue;
      stop[parent] -= tree[node].reach;
      choice.value += tree[node].reach;
    }
    stop[node] += tree[node].reach;
    choice.group[node] = sweep.best_group(node);
    choice.rows += 1 + choice.group[node];
  }
  for (int node = 0; node < tree.size(); ++node) {
    if (choice.group[node] > 0) choice.value += stop[node] * group_value[choice.group[node]];
  }
  return choice;
}

RowChoice ChooseRowsWithin(const RowOffer& offer, std::span<const double> group_value, double price,
                           int most_rows) {
  RowChoice choice = ChooseRows(offer, group_value, price);
  if (choice.rows <= most_rows) return choice;
  // At this price a row costs more than any can bring.
  double too_dear = 2.0 + *std::ranges::max_element(group_value);
  choice = ChooseRows(offer, group_value, too_dear);
  constexpr int kHalvings = 12;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (price + too_dear) / 2;
    RowChoice tried = ChooseRows(offer, group_value, middle);
    (tried.rows <= most_rows ? too_dear : price) = middle;
    if (tried.rows <= most_rows && tried.rows > choice.rows) choice = std::move(tried);
  }
  return choice;
}

}  // namespace pass
