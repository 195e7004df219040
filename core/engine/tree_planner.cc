#include "core/engine/tree_planner.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/time/time.h"
#include "core/engine/auto_policy.h"

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
      rates_(AutoPolicy::kNumBuckets),
      price_(kLowestPrice) {}

double TreePlanner::least_reach() const {
  return std::clamp(kShareOfPrice * price_, kLeastReach, kMostLeastReach);
}

double TreePlanner::RateOf(int batch) const {
  const double plain = batch / costs_.Seconds(batch);
  const Rate& rate = rates_[AutoPolicy::BucketOf(batch)];
  return rate.seconds > 0 ? std::max(plain, rate.tokens / rate.seconds) : plain;
}

void TreePlanner::Plan(std::span<const Offer> offers, int other_rows, int most_rows, int batch) {
  planned_.clear();
  const int roots = static_cast<int>(offers.size());
  const double rate = RateOf(batch);
  double best_worth = -rate * costs_.Seconds(other_rows + roots);
  std::vector<RowChoice> best;
  std::vector<RowChoice> choices(offers.size());
  price_ = kHighestPrice;
  for (double price = kLowestPrice; price < kHighestPrice; price *= kPriceStep) {
    int rows = other_rows;
    double value = 0;
    for (size_t i = 0; i < offers.size(); ++i) {
      const TreeDecoder& decoder = *offers[i].decoder;
      const RowLimits limits{.longest_group = decoder.longest_group(),
                             .group_value = group_values_[offers[i].sampled ? 1 : 0].values()};
      choices[i] = ChooseRowsWithin(decoder.tree(), limits, price, offers[i].most_rows);
      rows += choices[i].rows;
      value += choices[i].value;
    }
    if (rows > most_rows) continue;
    const double worth = value - rate * costs_.Seconds(rows);
    if (worth <= best_worth) continue;
    best_worth = worth;
    best = choices;
    price_ = price;
  }
  for (size_t i = 0; i < offers.size(); ++i) {
    RowChoice choice = best.empty() ? RowChoice{.group = {0}} : std::move(best[i]);
    planned_.push_back({.offer = offers[i], .group = offers[i].decoder->group_rows(), .rows = choice.rows});
    offers[i].decoder->Choose(std::move(choice));
  }
}

void TreePlanner::Observe(const ForwardReport& report) {
  const std::vector<Planned> planned = std::exchange(planned_, {});
  const int rows = report.decode_rows + report.prefill_rows;
  const double seconds = absl::ToDoubleSeconds(report.time);
  if (report.sequences == 0 || report.prefill_rows > 0 || seconds <= 0) return;
  costs_.Observe(rows, seconds);
  Rate& rate = rates_[AutoPolicy::BucketOf(report.sequences)];
  if (rate.seconds == 0)
    rate = {.tokens = report.sequences * 1.0, .seconds = costs_.Seconds(report.sequences)};
  rate.tokens += kRateWeight * (report.emitted_tokens - rate.tokens);
  rate.seconds += kRateWeight * (seconds - rate.seconds);
  const double tokens_per_second = RateOf(report.sequences);
  for (const Planned& step : planned) {
    // Against a forward in which this sequence has its root alone, and one with a look-ahead row besides.
    const double base = costs_.Seconds(rows - step.rows + 1);
    const double cost = tokens_per_second * (costs_.Seconds(rows) - base);
    const double cost_of_one = tokens_per_second * (costs_.Seconds(rows - step.rows + 2) - base);
    group_values_[step.offer.sampled ? 1 : 0].Learn(step.group, step.offer.decoder->emitted() - cost,
                                                    step.offer.decoder->group_rows(), 1.0 - cost_of_one);
  }
}

}  // namespace pass
