// Pearson's chi-square test of counts against probabilities, for tests with fixed seeds.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace pass {

// How many standard deviations the statistic lies above its mean, by the cube-root approximation of Wilson
// and Hilferty. Cells that expect fewer than 5 are tested together as one. A count where the probability is 0
// gives infinity.
inline double ChiSquareDeviation(std::span<const int64_t> counts, std::span<const double> probabilities) {
  int64_t total = 0;
  for (int64_t count : counts) total += count;
  double statistic = 0;
  int cells = 0;
  const auto add = [&](double count, double expected) {
    statistic += (count - expected) * (count - expected) / expected;
    ++cells;
  };
  double rest_count = 0;
  double rest_expected = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const double expected = probabilities[i] * static_cast<double>(total);
    if (expected == 0 && counts[i] > 0) return std::numeric_limits<double>::infinity();
    if (expected >= 5) {
      add(static_cast<double>(counts[i]), expected);
    } else {
      rest_count += static_cast<double>(counts[i]);
      rest_expected += expected;
    }
  }
  if (rest_expected >= 1) add(rest_count, rest_expected);
  if (cells < 2) return 0;
  const double spread = 2.0 / (9.0 * (cells - 1));
  return (std::cbrt(statistic / (cells - 1)) - (1 - spread)) / std::sqrt(spread);
}

// A right program exceeds this once in a thousand million tests.
inline constexpr double kChiSquareLimit = 6.0;

}  // namespace pass
