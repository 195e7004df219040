#include "core/train/progress_display.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace pass {
namespace {

constexpr int kPositionsShown = 4;
constexpr int kBarWidth = 20;

// ".41 .22 .15 .12": means of the first positions; empty without any.
std::string Means(const std::vector<double>& sums, const std::vector<double>& counts) {
  std::string text;
  for (size_t i = 0; i < std::min<size_t>(counts.size(), kPositionsShown); ++i) {
    if (counts[i] == 0) continue;
    const std::string mean = absl::StrFormat("%.3f", sums[i] / counts[i]);
    absl::StrAppend(&text, text.empty() ? "" : " ", mean[0] == '0' ? mean.substr(1) : mean);
  }
  return text;
}

std::string Clock(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string Bar(double fraction) {
  const int full = std::clamp(static_cast<int>(fraction * kBarWidth), 0, kBarWidth);
  return absl::StrCat("[", std::string(full, '#'), std::string(kBarWidth - full, '.'), "]");
}

}  // namespace

std::string FormatProgress(const TrainProgress& p) {
  if (p.drawing) return absl::StrCat("step ", p.step, "  drawing samples (", p.samples, " so far)");
  std::string line = absl::StrFormat("step %d  loss %.3f  top-1 %s  overlap %s", p.step, p.loss,
                                     Means(p.rows.top1, p.rows.count), Means(p.rows.overlap, p.rows.count));
  if (!p.head.count.empty()) absl::StrAppend(&line, "  head ", Means(p.head.top1, p.head.count));
  if (!p.recurrent.count.empty())
    absl::StrAppend(&line, "  recurrent ", Means(p.recurrent.top1, p.recurrent.count));
  absl::StrAppendFormat(&line, "  %.2f steps/s  %s left", p.steps_per_second, Clock(p.seconds_left));
  return line;
}

void ProgressDisplay::OnProgress(const TrainProgress& progress) {
  const absl::Time now = absl::Now();
  if (terminal_) {
    std::fprintf(out_, "\r\033[K%s %s", Bar(progress.fraction).c_str(), FormatProgress(progress).c_str());
  } else if (now - last_line_ >= absl::Seconds(30)) {
    last_line_ = now;
    std::fprintf(out_, "%s\n", FormatProgress(progress).c_str());
  }
  std::fflush(out_);
}

void ProgressDisplay::OnNote(const std::string& line) {
  std::fprintf(out_, "%s%s\n", terminal_ ? "\r\033[K" : "", line.c_str());
  std::fflush(out_);
}

}  // namespace pass
