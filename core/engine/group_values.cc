#include "core/engine/group_values.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

constexpr double kUsualOfOne = 0.6;
constexpr double kUsualOfMore = 0.05;  // each row beyond the first
constexpr double kMost = 2.0;
constexpr int kPriorVisits = 16;
constexpr double kLeastRate = 1.0 / 256;
constexpr double kDrift = 1.0 / 2000;

double Usual(size_t length) { return length == 0 ? 0 : kUsualOfOne + kUsualOfMore * static_cast<double>(length - 1); }

}  // namespace

GroupValues::GroupValues(int longest_group) : states_(longest_group + 1) {
  for (size_t length = 0; length < states_.size(); ++length) values_.push_back(Usual(length));
}

void GroupValues::Learn(int length, double reward, int next_length) {
  for (size_t i = 1; i < values_.size(); ++i) {
    if (static_cast<int>(i) != length) values_[i] += kDrift * (Usual(i) - values_[i]);
  }
  if (steps_ == 0) average_reward_ = reward;
  ++steps_;
  const double surprise = reward - average_reward_ + values_[next_length] - values_[length];
  average_reward_ += std::max(kLeastRate, 1.0 / (kPriorVisits + steps_)) * surprise;
  State& state = states_[length];
  ++state.visits;
  const double change = std::max(kLeastRate, 1.0 / (kPriorVisits + state.visits)) * surprise;
  if (length == 0) {
    // The state that all are compared with: the others move instead.
    for (size_t i = 1; i < values_.size(); ++i) values_[i] -= change;
  } else {
    values_[length] += change;
  }
  for (size_t i = 1; i < values_.size(); ++i) values_[i] = std::clamp(values_[i], 0.0, kMost);
}

}  // namespace pass
