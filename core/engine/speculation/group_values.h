// What a look-ahead group of each length behind the node where a walk stops is worth to the next step: tokens more,
// net of costs, than with no group.
//
// Learned by differential temporal-difference learning: the state of a sequence is the length of the group that
// its step begins with, the reward what the step emitted less what its rows cost. So a group is also credited
// with what the steps after the next one gain or lose. A length that was rarely tried moves with the others, and
// one that is not tried drifts slowly back to what is usual, so that it is tried again. Thread: the engine's.
#pragma once

#include <span>
#include <vector>

namespace pass {

class GroupValues {
 public:
  explicit GroupValues(int longest_group);

  // By length; [0] is 0.
  std::span<const double> values() const { return values_; }

  // A step that began with a group of `length` rows (0: none), brought `reward` tokens net of costs, and left
  // the sequence with one of `next_length`. `reward_without`: what a step with no drafts at all would have brought
  // that also leaves a group of one row: where a group always stands ready, nothing else says what it is worth.
  void Learn(int length, double reward, int next_length, double reward_without);

 private:
  void Move(int length, double surprise, double weight);

  std::vector<double> values_;
  std::vector<int> visits_;  // by length
  double average_reward_ = 0;
  int steps_ = 0;
};

}  // namespace pass
