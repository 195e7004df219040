#include "core/engine/scheduler.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace pass {
namespace {

using Needs = std::vector<RowNeed>;
using Grants = std::vector<RowGrant>;

TEST(PlanForward, GrantsNothingWhenNothingIsNeeded) {
  EXPECT_EQ(PlanForward({}, {.rows = 8, .prefill_rows = 4}), Grants{});
  EXPECT_EQ(PlanForward(Needs{RowNeed{}}, {.rows = 8, .prefill_rows = 4}), Grants{RowGrant{}});
}

TEST(PlanForward, DecodesFirstAndGivesPromptsTheRest) {
  const Needs needs = {{.prefill_rows = 100, .decode_rows = 1}, {.decode_rows = 5}, {.decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 10, .prefill_rows = 64}),
            (Grants{{.prefill_rows = 4}, {.decode = true}, {.decode = true}}));
}

TEST(PlanForward, GivesHalfOfThePromptRowsToTheShortestPromptsAndTheRestToTheOldest) {
  const Needs needs = {{.prefill_rows = 10, .decode_rows = 1},
                       {.prefill_rows = 3, .decode_rows = 5},
                       {.prefill_rows = 9, .decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 100, .prefill_rows = 16}),
            (Grants{{.prefill_rows = 8}, {.prefill_rows = 3, .decode = true}, {.prefill_rows = 5}}));
}

TEST(PlanForward, ReadsPromptsOfOneLengthOneAfterTheOther) {
  const Needs needs = {{.prefill_rows = 20, .decode_rows = 1}, {.prefill_rows = 20, .decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 100, .prefill_rows = 16}), (Grants{{.prefill_rows = 16}, {}}));
}

TEST(PlanForward, LetsAShortPromptPassALongOne) {
  const Needs needs = {{.prefill_rows = 8000, .decode_rows = 1}, {.prefill_rows = 20, .decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 500, .prefill_rows = 64}),
            (Grants{{.prefill_rows = 44}, {.prefill_rows = 20, .decode = true}}));
}

TEST(PlanForward, NeverSplitsADecodersRows) {
  const Needs needs = {{.decode_rows = 5}, {.decode_rows = 5}, {.decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 7, .prefill_rows = 4}),
            (Grants{{.decode = true}, {.decode = false}, {.decode = true}}));
}

TEST(PlanForward, EndsAPromptWithoutItsDecoderWhenThatDoesNotFit) {
  const Needs needs = {{.prefill_rows = 6, .decode_rows = 5}};
  EXPECT_EQ(PlanForward(needs, {.rows = 8, .prefill_rows = 8}),
            (Grants{{.prefill_rows = 6, .decode = false}}));
}

TEST(PlanForward, PutsWhoWasLeftOutFirst) {
  const Needs needs = {
      {.decode_rows = 5}, {.decode_rows = 5, .left_out = 1}, {.decode_rows = 5, .left_out = 2}};
  EXPECT_EQ(PlanForward(needs, {.rows = 12, .prefill_rows = 4}),
            (Grants{{.decode = false}, {.decode = true}, {.decode = true}}));
}

TEST(PlanForward, LetsTheFirstInLineExceedTheBudgetAlone) {
  const Needs needs = {{.decode_rows = 5}, {.decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 2, .prefill_rows = 2}),
            (Grants{{.decode = true}, {.decode = false}}));
}

TEST(PlanForward, PlansNothingForASlowReader) {
  const Needs needs = {{.prefill_rows = 5, .decode_rows = 0}, {.prefill_rows = 2, .decode_rows = 1}};
  EXPECT_EQ(PlanForward(needs, {.rows = 8, .prefill_rows = 8}),
            (Grants{{}, {.prefill_rows = 2, .decode = true}}));
}

TEST(PlanForward, KeepsItsRulesOnRandomNeeds) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % n); };
  for (int round = 0; round < 2000; ++round) {
    Needs needs(1 + below(8));
    bool needed = false;
    for (RowNeed& need : needs) {
      need = {.prefill_rows = below(2) * below(50), .decode_rows = below(6), .left_out = below(3)};
      needed = needed || need.decode_rows > 0;
    }
    const RowBudget budget{.rows = 1 + below(40), .prefill_rows = 1 + below(40)};
    const Grants grants = PlanForward(needs, budget);
    ASSERT_EQ(grants.size(), needs.size());
    int rows = 0;
    int prefill_rows = 0;
    int decoders = 0;
    for (size_t i = 0; i < needs.size(); ++i) {
      EXPECT_LE(grants[i].prefill_rows, needs[i].prefill_rows);
      if (grants[i].decode) {
        EXPECT_EQ(grants[i].prefill_rows, needs[i].prefill_rows);
        ++decoders;
      }
      if (needs[i].decode_rows == 0) {
        EXPECT_EQ(grants[i], RowGrant{});
      }
      prefill_rows += grants[i].prefill_rows;
      rows += grants[i].prefill_rows + (grants[i].decode ? needs[i].decode_rows : 0);
    }
    EXPECT_LE(prefill_rows, budget.prefill_rows);
    EXPECT_TRUE(rows <= budget.rows || (decoders == 1 && prefill_rows == 0));
    EXPECT_EQ(rows > 0, needed);
  }
}

}  // namespace
}  // namespace pass
