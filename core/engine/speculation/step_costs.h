// Seconds of a forward by its number of rows: measured at warm-up, corrected by every forward since.
//
// Held at some numbers of rows and linear between them; never falling. What a forward takes corrects the scale of
// all of it fast, because a busier machine or longer texts make every forward slower, and the shape at its own
// number of rows slowly once that is known. Thread: the engine's.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace pass {

struct CostSample {
  int rows = 0;
  double seconds = 0;
};

class StepCosts {
 public:
  // Until something is measured: a row costs kUsualShare of a forward of one row, which takes a second.
  StepCosts();

  void Set(std::span<const CostSample> samples);
  void Observe(int rows, double seconds);

  // `rows`: from 1.
  double Seconds(int rows) const;

 private:
  static constexpr std::array<int, 14> kRows = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 512};
  static constexpr double kUsualShare = 0.04;

  // The first of kRows, but not the very first, that is not below `rows`; the last if all are.
  size_t Right(int rows) const;
  void Correct(size_t knot, double share, double ratio);
  void NeverFall();

  std::array<double, kRows.size()> seconds_;
  std::array<int, kRows.size()> visits_{};  // forwards of about so many rows
  bool measured_ = false;
};

}  // namespace pass
