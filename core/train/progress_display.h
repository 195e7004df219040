// How a run looks: one line that is redrawn on a terminal, a log line now and then otherwise.
#pragma once

#include <cstdio>
#include <string>

#include "absl/time/time.h"
#include "core/train/trainer.h"

namespace pass {

class ProgressDisplay final : public TrainObserver {
 public:
  // `out` is borrowed; `terminal`: redraw in place.
  ProgressDisplay(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}

  void OnProgress(const TrainProgress& progress) override;
  void OnNote(const std::string& line) override;

 private:
  std::FILE* const out_;
  const bool terminal_;
  absl::Time last_line_ = absl::InfinitePast();
};

// "step 120  loss 2.31  LA top-1 .41 .22 .15 .12  overlap .38 .20  after head .66 .50  3.1 steps/s  12:30 left"
std::string FormatProgress(const TrainProgress& progress);

}  // namespace pass
