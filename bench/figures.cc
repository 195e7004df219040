#include "bench/figures.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

namespace pass::bench {
namespace {

void AddTo(std::vector<int64_t>& sum, const std::vector<int64_t>& part) {
  if (sum.size() < part.size()) sum.resize(part.size());
  for (size_t i = 0; i < part.size(); ++i) sum[i] += part[i];
}

double Ratio(double numerator, double denominator) { return denominator > 0 ? numerator / denominator : 0; }

Spread SpreadOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return {.median = median, .least = values.front(), .most = values.back()};
}

// Sums over one repetition.
struct Repetition {
  double plain_seconds = 0;
  double seconds_for_plains_tokens = 0;
  double seconds = 0;
  double tokens = 0;
};

}  // namespace

void AddTo(SpeculationSummary& sum, const SpeculationSummary& part) {
  sum.validation_steps += part.validation_steps;
  sum.forwards += part.forwards;
  sum.drafted += part.drafted;
  sum.accepted += part.accepted;
  AddTo(sum.drafted_by_position, part.drafted_by_position);
  AddTo(sum.accepted_by_position, part.accepted_by_position);
}

Figures Summarize(std::span<const Pair> pairs) {
  std::map<int, Repetition> repetitions;
  SpeculationSummary speculation;
  Figures figures;
  int identical = 0, looping = 0;
  for (const Pair& pair : pairs) {
    Repetition& repetition = repetitions[pair.repetition];
    repetition.plain_seconds += pair.plain.seconds;
    repetition.seconds += pair.variant.seconds;
    repetition.tokens += static_cast<double>(pair.variant.tokens);
    repetition.seconds_for_plains_tokens +=
        pair.variant.seconds *
        Ratio(static_cast<double>(pair.plain.tokens), static_cast<double>(pair.variant.tokens));
    AddTo(speculation, pair.variant.speculation);
    ++figures.units;
    figures.outputs += pair.outputs;
    figures.tokens += pair.variant.tokens;
    identical += pair.identical;
    looping += pair.looping;
  }
  std::vector<double> speedups, rates;
  for (const auto& [number, sums] : repetitions) {
    speedups.push_back(Ratio(sums.plain_seconds, sums.seconds_for_plains_tokens));
    rates.push_back(Ratio(sums.tokens, sums.seconds));
  }
  const auto as_double = [](int64_t count) { return static_cast<double>(count); };
  figures.speedup = SpreadOf(speedups);
  figures.tokens_per_second = SpreadOf(rates);
  figures.tokens_per_forward = Ratio(as_double(figures.tokens), as_double(speculation.forwards));
  figures.acceptance_rate = Ratio(as_double(speculation.accepted), as_double(speculation.drafted));
  figures.mean_accepted_length =
      Ratio(as_double(speculation.accepted), as_double(speculation.validation_steps));
  figures.drafted_by_position = speculation.drafted_by_position;
  figures.accepted_by_position = speculation.accepted_by_position;
  figures.identical_share = Ratio(identical, figures.outputs);
  figures.looping_share = Ratio(looping, figures.outputs);
  return figures;
}

std::vector<Pair> WithoutLoops(std::span<const Pair> pairs) {
  std::vector<Pair> kept;
  std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(kept),
               [](const Pair& pair) { return pair.looping == 0; });
  return kept;
}

double GeometricMean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += std::log(value);
  return values.empty() ? 0 : std::exp(sum / static_cast<double>(values.size()));
}

}  // namespace pass::bench
