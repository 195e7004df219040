// What a row of a prompt adds to a forward, learned from every forward that has some.
//
// A forward's time beyond that of its other rows is shared by its prompt rows. It is not proportional to their number: few
// rows ride nearly free where weights are slow to read, and keys of a long prompt make later rows dearer. So the answer
// follows what the latest forwards took.
//
// Owner: Speculation. Thread: the engine's.
#pragma once

#include <algorithm>

namespace pass {

class PromptCosts {
 public:
  // `others`: seconds that the forward would have taken without its prompt rows.
  void Observe(int prompt_rows, double seconds, double others) {
    const double of_a_row = std::max(seconds - others, kLeastShare * seconds) / prompt_rows;
    seconds_of_a_row_ =
        seconds_of_a_row_ > 0 ? seconds_of_a_row_ + kWeight * (of_a_row - seconds_of_a_row_) : of_a_row;
  }

  // How many rows add these seconds, at most `most`: all of them as long as nothing is known.
  int RowsIn(double seconds, int most) const {
    return seconds < most * seconds_of_a_row_ ? static_cast<int>(seconds / seconds_of_a_row_) : most;
  }

 private:
  static constexpr double kWeight = 1.0 / 4, kLeastShare = 1.0 / 16;

  double seconds_of_a_row_ = 0;  // 0: unknown
};

}  // namespace pass
