// Shares the rows of a forward among the sequences that decode by tree.
//
// Owner and thread: the engine's.
#pragma once

#include <span>
#include <vector>

#include "core/decode/calibration.h"
#include "core/decode/tree.h"

namespace pass {

class TreePlanner {
 public:
  // A sequence whose tree is grown.
  struct Offer {
    TreeDecoder* decoder = nullptr;
    int most_rows = 1;  // the root included
  };

  // `longest_group`: of all sequences.
  explicit TreePlanner(int longest_group);

  DraftCalibration* calibration() { return &calibration_; }

  // Gives each decoder its rows. `spare_rows`: beyond one for each of them.
  void Plan(std::span<const Offer> offers, int spare_rows) const;

 private:
  DraftCalibration calibration_;
  std::vector<double> group_value_;
};

}  // namespace pass
