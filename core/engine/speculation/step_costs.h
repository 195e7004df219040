// t(rows): seconds of a forward by its number of rows. They are measured at warm-up and corrected by every
// forward since.
//
// Seconds are held at some numbers of rows and linear between them. They never fall with more rows. What a
// forward took corrects two things. The scale of all seconds is corrected fast, because a busier machine or
// longer texts make every forward slower. The seconds at the forward's own number of rows are corrected
// slowly once they are known.
//
// Owner: TreePlanner. Thread: the engine's.
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
  // Until something is measured, a forward of one row takes a second, and a further row costs kUsualShare of
  // that.
  StepCosts();

  void Set(std::span<const CostSample> samples);
  void Observe(int rows, double seconds);

  // `rows`: from 1.
  double Seconds(int rows) const;

 private:
  static constexpr std::array<int, 14> kRows = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 512};
  static constexpr double kUsualShare = 0.04;

  // Index of the first of kRows that is not below `rows`; at least 1, and at most the last index.
  size_t Right(int rows) const;
  void Correct(size_t knot, double share, double ratio);
  void NeverFall();

  std::array<double, kRows.size()> seconds_;
  std::array<int, kRows.size()> visits_{};  // forwards of about so many rows
  bool measured_ = false;
};

}  // namespace pass
