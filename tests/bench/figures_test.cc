#include "bench/figures.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass::bench {
namespace {

using ::testing::ElementsAre;

Measurement Took(double seconds, int64_t tokens) { return {.seconds = seconds, .tokens = tokens}; }

TEST(Figures, SpeedUpIsTheRatioOfSummedSecondsNotTheMeanOfRatios) {
  const std::vector<Pair> pairs = {{.plain = Took(1, 10), .variant = Took(1, 10)},
                                   {.plain = Took(9, 90), .variant = Took(4, 90)}};
  const Figures figures = Summarize(pairs);
  EXPECT_DOUBLE_EQ(figures.speedup.median, 2.0);
  EXPECT_DOUBLE_EQ(figures.tokens_per_second.median, 20.0);
}

TEST(Figures, AShorterOutputIsNoSpeedUp) {
  const std::vector<Pair> pairs = {{.plain = Took(8, 80), .variant = Took(4, 40)}};
  EXPECT_DOUBLE_EQ(Summarize(pairs).speedup.median, 1.0);
}

TEST(Figures, SpreadIsThatOfTheRepetitions) {
  std::vector<Pair> pairs;
  for (const auto& [repetition, seconds] : {std::pair{0, 2.0}, {1, 1.0}, {2, 4.0}}) {
    for (int i = 0; i < 3; ++i) {
      pairs.push_back({.repetition = repetition, .plain = Took(4, 8), .variant = Took(seconds, 8)});
    }
  }
  const Figures figures = Summarize(pairs);
  EXPECT_DOUBLE_EQ(figures.speedup.median, 2.0);
  EXPECT_DOUBLE_EQ(figures.speedup.least, 1.0);
  EXPECT_DOUBLE_EQ(figures.speedup.most, 4.0);
  pairs.resize(6);
  EXPECT_DOUBLE_EQ(Summarize(pairs).speedup.median, 3.0) << "of two the middle";
}

TEST(Figures, SumsWhatSpeculationDid) {
  Pair pair{.plain = Took(1, 6), .variant = Took(1, 6), .outputs = 2, .identical = 1, .looping = 1};
  pair.variant.speculation = {.validation_steps = 2,
                              .forwards = 4,
                              .drafted = 8,
                              .accepted = 3,
                              .drafted_by_position = {2, 2},
                              .accepted_by_position = {2, 1}};
  Pair shorter = pair;
  shorter.variant.speculation.drafted_by_position = {2};
  shorter.variant.speculation.accepted_by_position = {0};
  const Figures figures = Summarize(std::vector<Pair>{shorter, pair});
  EXPECT_DOUBLE_EQ(figures.tokens_per_forward, 1.5);
  EXPECT_DOUBLE_EQ(figures.acceptance_rate, 0.375);
  EXPECT_DOUBLE_EQ(figures.mean_accepted_length, 1.5);
  EXPECT_THAT(figures.drafted_by_position, ElementsAre(4, 2));
  EXPECT_THAT(figures.accepted_by_position, ElementsAre(2, 1));
  EXPECT_DOUBLE_EQ(figures.identical_share, 0.5);
  EXPECT_DOUBLE_EQ(figures.looping_share, 0.5);
}

TEST(Figures, LeavesOutWhatLoops) {
  const std::vector<Pair> pairs = {{.plain = Took(1, 1), .variant = Took(1, 1), .outputs = 1},
                                   {.plain = Took(9, 1), .variant = Took(1, 1), .outputs = 1, .looping = 1}};
  EXPECT_DOUBLE_EQ(Summarize(WithoutLoops(pairs)).speedup.median, 1.0);
}

TEST(Figures, AreZeroWithoutPairs) {
  const Figures figures = Summarize({});
  EXPECT_EQ(figures.units, 0);
  EXPECT_EQ(figures.speedup.median, 0);
  EXPECT_EQ(figures.acceptance_rate, 0);
}

TEST(GeometricMean, IsTheRootOfTheProduct) {
  EXPECT_DOUBLE_EQ(GeometricMean(std::vector<double>{1, 4}), 2.0);
  EXPECT_EQ(GeometricMean({}), 0);
}

}  // namespace
}  // namespace pass::bench
