// What a look-ahead group is worth, by its length: how many more tokens, net of costs, a step brings that
// begins with a group of that many rows, compared with a step that begins with none.
//
// It is learned by differential temporal-difference learning. The state of a sequence is the length of the
// group that its step begins with. The reward of a step is what it emitted less what its rows cost. So a
// group is also credited with what the steps after the next one gain or lose. A length that was rarely tried
// moves with the others. A length that is not tried drifts back to its usual value, so that it is tried
// again.
//
// Owner: TreePlanner. Thread: the engine's.
#pragma once

#include <span>
#include <vector>

namespace pass {

class GroupValues {
 public:
  // 0: there are none, and nothing is learned.
  explicit GroupValues(int longest_group);

  // By length of the group, from 0; [0] is 0. In tokens.
  std::span<const double> values() const { return values_; }

  // A step began with a group of `length` rows (0: none), brought `reward` tokens net of costs, and left the
  // sequence with a group of `next_length` rows. `reward_without`: what a step without drafts, which also
  // leaves a group of one row, would have brought. If every step begins with a group, nothing else tells what
  // none would mean.
  void Learn(int length, double reward, int next_length, double reward_without);

 private:
  void Move(int length, double surprise, double weight);

  std::vector<double> values_;
  std::vector<int> visits_;  // by length
  double average_reward_ = 0;
  int steps_ = 0;
};

}  // namespace pass
