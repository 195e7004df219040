// How long each phase of the start takes, and a line about it on a terminal.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace pass {

class LoadClock {
 public:
  // `terminal`: draw the progress line on stderr.
  explicit LoadClock(bool terminal) : terminal_(terminal) {}

  // A new phase ends the one before.
  void Report(std::string_view phase, double fraction);
  // Ends the last phase. Seconds by phase.
  const std::map<std::string, double>& Finish();

 private:
  void EndPhase();

  const bool terminal_;
  std::string phase_;
  absl::Time phase_start_;
  int shown_percent_ = -1;
  std::map<std::string, double> seconds_;
};

}  // namespace pass
