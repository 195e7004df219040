#include "core/engine/speculation/step_costs.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

constexpr double kScaleWeight = 1.0 / 16;
constexpr double kShapeWeight = 1.0 / 64;
constexpr int kVisitsOfASample = 16;
constexpr int kMostVisits = 1 << 20;  // more change nothing

}  // namespace

StepCosts::StepCosts() {
  for (size_t i = 0; i < kRows.size(); ++i) seconds_[i] = 1.0 + kUsualShare * (kRows[i] - 1);
}

void StepCosts::Set(std::span<const CostSample> samples) {
  if (samples.empty()) return;
  for (size_t i = 0; i < kRows.size(); ++i) {
    // Between two samples on their line, beyond the last on that of the last two.
    const auto next = std::ranges::upper_bound(samples, kRows[i], {}, &CostSample::rows);
    const size_t right = std::min(std::max<size_t>(next - samples.begin(), 1), samples.size() - 1);
    const CostSample& b = samples[right];
    const CostSample& a = samples[right == 0 ? 0 : right - 1];
    double slope = b.rows > a.rows ? (b.seconds - a.seconds) / (b.rows - a.rows) : 0;
    if (kRows[i] > b.rows) slope = std::max(0.0, slope);
    seconds_[i] = kRows[i] < a.rows ? a.seconds : b.seconds + slope * (kRows[i] - b.rows);
  }
  visits_.fill(kVisitsOfASample);
  measured_ = true;
  NeverFall();
}

void StepCosts::Observe(int rows, double seconds) {
  if (rows < 1 || seconds <= 0) return;
  const double ratio = seconds / Seconds(rows);
  if (!measured_) {
    for (double& knot : seconds_) knot *= ratio;
    measured_ = true;
    return;
  }
  const double surprise = std::clamp(ratio, 0.5, 2.0) - 1.0;
  for (double& knot : seconds_) knot *= 1.0 + kScaleWeight * surprise;
  const size_t right = Right(rows);
  const double share =
      std::clamp(1.0 * (rows - kRows[right - 1]) / (kRows[right] - kRows[right - 1]), 0.0, 1.0);
  Correct(right, share, ratio);
  Correct(right - 1, 1.0 - share, ratio);
  NeverFall();
}

// What is seen for the first time is believed; later a stall counts no more than a doubling.
void StepCosts::Correct(size_t knot, double share, double ratio) {
  if (share < 0.25) return;
  const double believed = visits_[knot] == 0 ? ratio : std::clamp(ratio, 0.5, 2.0);
  const double weight = std::max(kShapeWeight, 1.0 / (1 + visits_[knot]));
  visits_[knot] = std::min(visits_[knot] + 1, kMostVisits);
  seconds_[knot] *= 1.0 + share * weight * (believed - 1.0);
}

size_t StepCosts::Right(int rows) const {
  const size_t right = std::ranges::lower_bound(kRows, rows) - kRows.begin();
  return std::clamp<size_t>(right, 1, kRows.size() - 1);
}

double StepCosts::Seconds(int rows) const {
  const size_t right = Right(rows);
  const double slope = (seconds_[right] - seconds_[right - 1]) / (kRows[right] - kRows[right - 1]);
  return seconds_[right] + slope * (rows - kRows[right]);
}

void StepCosts::NeverFall() {
  for (size_t i = 1; i < kRows.size(); ++i) seconds_[i] = std::max(seconds_[i], seconds_[i - 1]);
}

}  // namespace pass
