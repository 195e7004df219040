#include "core/engine/speculation/tree_planner.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/time.h"
#include "core/engine/batch_bucket.h"
#include "core/engine/speculation/batch_scale.h"

namespace pass {
namespace {

// Prices of a row, in tokens.
constexpr double kLowestPrice = 0.02;
constexpr double kPriceStep = 1.35;
constexpr double kHighestPrice = 1.0;

constexpr double kRateWeight = 1.0 / 64;

// A node is grown if a child that takes most of its reach would be worth a row.
constexpr double kShareOfPrice = 0.8;
constexpr double kLeastReach = 0.03;
constexpr double kMostLeastReach = 0.3;

}  // namespace

TreePlanner::TreePlanner(int longest_group)
    : group_values_{GroupValues(longest_group), GroupValues(longest_group)},
      rates_(kNumBatchBuckets),
      price_(kLowestPrice) {}

double TreePlanner::least_reach() const {
  return std::clamp(kShareOfPrice * price_, kLeastReach, kMostLeastReach);
}

double TreePlanner::RateOf(int batch) const {
  const double plain = batch / costs_.Seconds(batch);
  const Rate& rate = rates_[BatchBucketOf(batch)];
  if (rate.seconds == 0) return plain;
  const BatchScale scale = ScaleToLargest(batch, costs_);
  return std::max(plain, rate.tokens / scale.tokens / (rate.seconds / scale.seconds));
}

std::vector<RowChoice> TreePlanner::Plan(std::span<const Offer> offers, const Forward& forward) {
  const double rate = RateOf(forward.batch);
  // When nothing pays, each sequence keeps its newest token's row alone.
  std::vector<RowChoice> best(offers.size(), RowChoice{.group = {0}});
  double best_worth = -rate * costs_.Seconds(forward.other_rows + static_cast<int>(offers.size()));
  std::vector<RowChoice> choices(offers.size());
  price_ = kHighestPrice;
  for (double price = kLowestPrice; price < kHighestPrice; price *= kPriceStep) {
    int rows = forward.other_rows;
    double value = 0;
    for (size_t i = 0; i < offers.size(); ++i) {
      const std::span<const double> group_value = group_values_[offers[i].sampled ? 1 : 0].values();
      choices[i] = ChooseRowsWithin(*offers[i].rows, group_value, price, offers[i].most_rows);
      rows += choices[i].rows;
      value += choices[i].value;
    }
    if (rows > forward.most_rows) continue;
    const double worth = value - rate * costs_.Seconds(rows);
    if (worth <= best_worth) continue;
    best_worth = worth;
    best = choices;
    price_ = price;
  }
  planned_.clear();
  for (size_t i = 0; i < offers.size(); ++i) {
    planned_.push_back(
        {.sampled = offers[i].sampled, .group = offers[i].rows->group_rows, .rows = best[i].rows});
  }
  return best;
}

void TreePlanner::Observe(const ForwardReport& report, std::span<const Absorbed* const> outcomes) {
  const std::vector<Planned> planned = std::exchange(planned_, {});
  const int rows = report.decode_rows + report.prefill_rows;
  const double seconds = absl::ToDoubleSeconds(report.time);
  if (report.sequences == 0 || report.prefill_rows > 0 || seconds <= 0) return;
  costs_.Observe(rows, seconds);
  Rate& rate = rates_[BatchBucketOf(report.sequences)];
  const BatchScale scale = ScaleToLargest(report.sequences, costs_);
  if (rate.seconds == 0) {
    rate = {.tokens = scale.tokens * report.sequences,
            .seconds = scale.seconds * costs_.Seconds(report.sequences)};
  }
  rate.tokens += kRateWeight * (scale.tokens * report.emitted_tokens - rate.tokens);
  rate.seconds += kRateWeight * (scale.seconds * seconds - rate.seconds);
  const double tokens_per_second = RateOf(report.sequences);
  for (size_t i = 0; i < std::min(planned.size(), outcomes.size()); ++i) {
    if (outcomes[i] == nullptr) continue;
    const Planned& step = planned[i];
    // Against a forward in which this sequence has its newest token's row alone, and one with a look-ahead row besides.
    const double base = costs_.Seconds(rows - step.rows + 1);
    const double cost = tokens_per_second * (costs_.Seconds(rows) - base);
    const double cost_of_one = tokens_per_second * (costs_.Seconds(rows - step.rows + 2) - base);
    const auto emitted = static_cast<double>(outcomes[i]->emitted.size());
    group_values_[step.sampled ? 1 : 0].Learn(step.group, emitted - cost, outcomes[i]->group_rows,
                                              1.0 - cost_of_one);
  }
}

}  // namespace pass
