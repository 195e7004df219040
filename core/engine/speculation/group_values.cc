#include "core/engine/speculation/group_values.h"

#include <algorithm>
#include <cstddef>

namespace pass {
namespace {

constexpr double kUsualOfOne = 0.6;
constexpr double kUsualOfMore = 0.05;  // each row beyond the first
constexpr double kMost = 2.0;
constexpr int kPriorVisits = 16;
constexpr double kLeastRate = 1.0 / 64;
constexpr double kLeastRateOfAverage = 1.0 / 256;
constexpr double kDrift = 1.0 / 4000;  // of lengths that no group has
constexpr double kOwnVisits = 16;      // visits after which a length hardly listens to the others
constexpr int kMostCounted = 1 << 20;  // steps and visits: more change nothing

void Count(int& counter) { counter = std::min(counter + 1, kMostCounted); }

double Usual(size_t length) {
  return length == 0 ? 0 : kUsualOfOne + kUsualOfMore * static_cast<double>(length - 1);
}

}  // namespace

GroupValues::GroupValues(int longest_group) : visits_(longest_group + 1) {
  for (size_t length = 0; length < visits_.size(); ++length) values_.push_back(Usual(length));
}

void GroupValues::Learn(int length, double reward, int next_length, double reward_without) {
  if (values_.size() == 1) return;  // a model without look-ahead tokens: no step begins with a group
  if (steps_ == 0) average_reward_ = reward;
  Count(steps_);
  const double surprise = reward - average_reward_ + values_[next_length] - values_[length];
  average_reward_ += std::max(kLeastRateOfAverage, 1.0 / (kPriorVisits + steps_)) * surprise;
  Move(length, surprise, /*weight=*/1.0);
  if (length == 0) {
    Count(visits_[0]);
    return;
  }
  Count(visits_[length]);
  // What the same step would have been without a group, as long as little is known of such steps.
  const double without = reward_without - average_reward_ + values_[1];
  Move(0, without, 1.0 / (1.0 + visits_[0] / kOwnVisits));
}

void GroupValues::Move(int length, double surprise, double weight) {
  const int visits = length == 0 ? std::max(visits_[0], visits_[1]) : visits_[length];
  const double change = weight * std::max(kLeastRate, 1.0 / (kPriorVisits + visits)) * surprise;
  for (int other = 1; other < static_cast<int>(values_.size()); ++other) {
    if (length == 0) {
      values_[other] -= change;  // what all are compared with stays 0
    } else if (other == length) {
      values_[other] += change;
    } else {
      // What is learned of one length is a hint for those that are known less.
      values_[other] += change / (1.0 + visits_[other] / kOwnVisits);
    }
    if (other != length) values_[other] += weight * kDrift * (Usual(other) - values_[other]);
    values_[other] = std::clamp(values_[other], 0.0, kMost);
  }
}

}  // namespace pass
