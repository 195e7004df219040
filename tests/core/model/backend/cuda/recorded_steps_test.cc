// When a slice runs as it is called and when it is replayed; the step is a function that the test counts.
#include "core/model/backend/cuda/recorded_steps.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "core/model/backend/cuda/rerun_graph.h"

namespace pass {
namespace {

struct Counts {
  int recorded = 0, replayed = 0;
};

class CountingGraph final : public Graph {
 public:
  CountingGraph(std::unique_ptr<Graph> graph, Counts* counts) : graph_(std::move(graph)), counts_(counts) {}
  void Replay() override {
    ++counts_->replayed;
    graph_->Replay();
  }

 private:
  std::unique_ptr<Graph> graph_;
  Counts* counts_;
};

class CountingRecorder final : public GraphRecorder {
 public:
  CountingRecorder(Counts* counts, bool fails) : counts_(counts), fails_(fails) {}
  std::unique_ptr<Graph> Record(std::function<void()> work) override {
    ++counts_->recorded;
    TORCH_CHECK(!fails_, "out of memory");
    return std::make_unique<CountingGraph>(rerun_.Record(std::move(work)), counts_);
  }

 private:
  RerunRecorder rerun_;
  Counts* counts_;
  bool fails_;
};

class Recorded : public ::testing::Test {
 protected:
  // States are the rows' tokens, logits their positions: so it shows which numbers a step has read.
  StepOutputs Step(const ForwardPlan& plan) {
    ++called_;
    const SlicePlan& slice = SlicePlan::Of(plan);
    if (plan.wanted.numel() == 0) return {};
    const at::Tensor positions = plan.positions.unsqueeze(1).clone();
    return {.states = slice.tokens.unsqueeze(1).clone(), .logits = positions, .best = positions};
  }

  // A text of so many tokens, the last of which is wanted.
  StepOutputs Run(RecordedSteps& steps, TokenId token, int32_t position = 0, bool wanted = true) {
    const std::vector<int32_t> pages(static_cast<size_t>(position / kPageTokens + 1), 7);
    const StepRow row{.token = token,
                      .wanted = wanted,
                      .attention = {.position = position, .committed = position, .pages = pages.data()}};
    const SlicedPlan plan(std::span(&row, 1));
    return steps.Run(plan.slices[0], plan.packed[0], [this](const ForwardPlan& part) { return Step(part); });
  }

  RecordedSteps Steps(bool fails = false) {
    return {std::make_unique<CountingRecorder>(&counts_, fails), at::kCPU};
  }

  Counts counts_;
  int called_ = 0;
};

TEST_F(Recorded, TheFirstSliceOfAShapeIsCalledAndTheOthersAreReplayed) {
  RecordedSteps steps = Steps();
  for (const TokenId token : {5, 6, 7}) EXPECT_EQ(Run(steps, token).states.item<int64_t>(), token);
  EXPECT_EQ(counts_.recorded, 1);
  EXPECT_EQ(counts_.replayed, 2);
}

TEST_F(Recorded, OutputsAreNotChangedByTheNextReplay) {
  RecordedSteps steps = Steps();
  Run(steps, 5);
  const StepOutputs earlier = Run(steps, 6, /*position=*/3);
  Run(steps, 7, /*position=*/4);
  EXPECT_EQ(earlier.states.item<int64_t>(), 6);
  EXPECT_EQ(earlier.logits.item<int64_t>(), 3);
}

TEST_F(Recorded, ATextThatOutgrowsItsTableIsRecordedAnew) {
  RecordedSteps steps = Steps();
  Run(steps, 5, kBlockPositions - 1);
  EXPECT_EQ(counts_.recorded, 1);
  for (const int64_t position : {kBlockPositions, 2 * kBlockPositions - 1}) {
    EXPECT_EQ(Run(steps, 5, static_cast<int32_t>(position)).logits.item<int64_t>(), position);
  }
  EXPECT_EQ(counts_.recorded, 2);
  EXPECT_EQ(counts_.replayed, 1);
}

TEST_F(Recorded, ASliceThatNobodyReadsIsAShapeOfItsOwn) {
  RecordedSteps steps = Steps();
  Run(steps, 5);
  EXPECT_FALSE(Run(steps, 5, 0, /*wanted=*/false).states.defined());
  EXPECT_FALSE(Run(steps, 5, 0, /*wanted=*/false).states.defined());
  EXPECT_EQ(counts_.recorded, 2);
  EXPECT_EQ(counts_.replayed, 1);
}

TEST_F(Recorded, WhatCannotBeRecordedIsCalledEachTimeAndTriedOnce) {
  RecordedSteps steps = Steps(/*fails=*/true);
  for (const TokenId token : {5, 6, 7}) EXPECT_EQ(Run(steps, token).states.item<int64_t>(), token);
  EXPECT_EQ(counts_.recorded, 1);
  EXPECT_EQ(called_, 3);
}

TEST_F(Recorded, TablesBeyondTheLongestAreCalledEachTime) {
  RecordedSteps steps = Steps();
  const auto position = static_cast<int32_t>(RecordedSteps::kMostPositions);
  for (const TokenId token : {5, 6}) EXPECT_EQ(Run(steps, token, position).states.item<int64_t>(), token);
  EXPECT_EQ(counts_.recorded, 0);
  EXPECT_EQ(called_, 2);
}

TEST_F(Recorded, WithoutARecorderEverySliceIsCalled) {
  RecordedSteps steps(/*recorder=*/nullptr, at::kCPU);
  for (const TokenId token : {5, 6}) EXPECT_EQ(Run(steps, token).states.item<int64_t>(), token);
  EXPECT_EQ(called_, 2);
}

}  // namespace
}  // namespace pass
