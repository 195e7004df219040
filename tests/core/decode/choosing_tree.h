// A TreeDecoder with somebody who chooses its rows, which in the product is the engine's planner.
#pragma once

#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "core/decode/tree.h"

namespace pass {

class ChoosingTree final : public Decoder {
 public:
  // `step`: counts from 0.
  using Chooser = std::function<RowChoice(const TreeDecoder& decoder, int step)>;

  ChoosingTree(const TreeOptions& options, Chooser chooser)
      : decoder_(options, &calibration_), chooser_(std::move(chooser)) {}

  std::vector<ProposalRequest> Ask(const Frontier& frontier) override { return decoder_.Ask(frontier); }
  void Answer(const Frontier& frontier, std::span<const Proposal> proposals) override {
    decoder_.Answer(frontier, proposals);
  }
  std::vector<Row> Plan(const Frontier& frontier) override {
    decoder_.Choose(chooser_(decoder_, step_++));
    return decoder_.Plan(frontier);
  }
  Absorbed Absorb(const Frontier& frontier, std::span<const RowResult> results) override {
    return decoder_.Absorb(frontier, results);
  }
  bool AtBoundary() const override { return decoder_.AtBoundary(); }

 private:
  DraftCalibration calibration_;
  TreeDecoder decoder_;
  const Chooser chooser_;
  int step_ = 0;
};

// Any rows that a tree may have.
inline ChoosingTree::Chooser AnyRows(std::mt19937& random) {
  return [&random](const TreeDecoder& decoder, int /*step*/) {
    const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    RowChoice choice;
    const int percent = static_cast<int>(random() % 101);
    for (int node = 0; node < decoder.offer()->tree->size(); ++node) {
      const bool out =
          node > 0 &&
          (choice.group[(*decoder.offer()->tree)[node].parent] == RowChoice::kLeftOut || !chance(percent));
      const int longest = decoder.offer()->longest_group[node];
      choice.group.push_back(out ? RowChoice::kLeftOut : static_cast<int>(random() % (longest + 1)));
    }
    return choice;
  };
}

}  // namespace pass
