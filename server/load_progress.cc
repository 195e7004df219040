#include "server/load_progress.h"

#include <cstdio>

#include "absl/time/clock.h"

namespace pass {

void LoadClock::Report(std::string_view phase, double fraction) {
  if (phase != phase_) {
    EndPhase();
    phase_ = std::string(phase);
    phase_start_ = absl::Now();
    shown_percent_ = -1;
  }
  const int percent = static_cast<int>(fraction * 100);
  if (!terminal_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  std::fprintf(stderr, "\rloading: %s %3d%%\x1b[K", phase_.c_str(), percent);
  std::fflush(stderr);
}

void LoadClock::EndPhase() {
  if (!phase_.empty()) seconds_[phase_] += absl::ToDoubleSeconds(absl::Now() - phase_start_);
}

const std::map<std::string, double>& LoadClock::Finish() {
  EndPhase();
  phase_.clear();
  if (terminal_ && !seconds_.empty()) std::fprintf(stderr, "\r\x1b[K");
  return seconds_;
}

}  // namespace pass
