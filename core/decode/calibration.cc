#include "core/decode/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace pass {
namespace {

constexpr double kRate = 0.5;
constexpr double kFreshness = 1.0 / 400;  // old gradients fade, so that a changed text is followed

// By origin and strength. Look-ahead: the log-odds of the middle of each strength's range. The others move
// these: what a repeated run of five tokens says outweighs a look-ahead row that is against it.
constexpr std::array<std::array<double, kMaxStrength + 1>, kNumDraftOrigins> kUsual = {{
    {-2.5, -5.0, -4.2, -3.5, -2.8, -2.1, -1.4, -0.7, -0.1, 0.5, 1.2, 2.2, 3.4, 3.4, 3.4, 3.4},
    {0.0, -0.3, 0.7, 1.6, 2.0, 2.2, 2.6, 2.8, 3.2, 3.4, 3.8, 3.8, 3.8, 3.8, 3.8, 3.8},
    {0.0, -0.2, 0.4, 0.8, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3, 1.3},
}};

}  // namespace

DraftCalibration::DraftCalibration() {
  Weights usual;
  for (size_t origin = 0; origin < usual.size(); ++origin) {
    for (size_t strength = 0; strength <= kMaxStrength; ++strength) {
      usual[origin][strength].value = kUsual[origin][strength];
    }
  }
  weights_.fill(usual);
}

size_t DraftCalibration::IndexOf(int depth, bool sampled) {
  return (sampled ? kDepths : 0) + std::clamp(depth, 1, kDepths) - 1;
}

double DraftCalibration::Probability(const Evidence& evidence, int depth, bool sampled) const {
  const Weights& weights = weights_[IndexOf(depth, sampled)];
  double log_odds = 0;
  for (size_t origin = 0; origin < evidence.size(); ++origin)
    log_odds += weights[origin][evidence[origin]].value;
  return 1.0 / (1.0 + std::exp(-log_odds));
}

void DraftCalibration::Learn(const Evidence& evidence, int depth, bool sampled, bool hit) {
  const double gradient = Probability(evidence, depth, sampled) - (hit ? 1.0 : 0.0);
  Weights& weights = weights_[IndexOf(depth, sampled)];
  for (size_t origin = 0; origin < evidence.size(); ++origin) {
    Weight& weight = weights[origin][evidence[origin]];
    weight.squares += gradient * gradient - kFreshness * weight.squares;
    weight.value -= kRate * gradient / std::sqrt(1.0 + weight.squares);
  }
}

}  // namespace pass
