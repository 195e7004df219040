#include "tests/fakes/table_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/recording_sink.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

const SamplingOptions kGreedy{.temperature = 0};

TableModel Scripted() { return TableModel({.vocab_size = 8}, ScriptedLogits({7, 1, 2, 3, 4, 5})); }

TEST(TableModel, PredictsFromTheCommittedPrefixTheAncestorsAndTheLookAheadIndex) {
  TableModel model = Scripted();
  const SequenceId id = model.Open(8).value();
  const Row prompt{
      .sequence = id, .token = 7, .position = 0, .sampling = &kGreedy, .output = RowOutput::kToken};
  ASSERT_TRUE(model.Forward({{prompt}}).ok());
  ASSERT_TRUE(model.Commit(id, {{0}}).ok());
  const std::vector<Row> rows = {
      {.sequence = id, .token = 1, .position = 1, .sampling = &kGreedy, .output = RowOutput::kToken},
      {.sequence = id,
       .lookahead = 1,
       .position = 2,
       .parent = 0,
       .sampling = &kGreedy,
       .output = RowOutput::kDistribution},
      {.sequence = id,
       .token = 2,
       .position = 2,
       .parent = 0,
       .sampling = &kGreedy,
       .output = RowOutput::kToken}};
  const std::vector<RowResult> results = model.Forward(rows).value();
  EXPECT_EQ(results[0].token, 2);
  EXPECT_THAT(results[1].distribution.ids, ElementsAre(3));
  EXPECT_EQ(results[2].token, 3);
  ASSERT_TRUE(model.Commit(id, {{0, 2}}).ok());
  EXPECT_THAT(model.Committed(id), ElementsAre(7, 1, 2));
}

TEST(TableModel, ReservesPagesAndGivesThemBack) {
  TableModel model({.context_length = 64, .page_tokens = 16, .total_pages = 3}, ScriptedLogits({0}));
  const SequenceId first = model.Open(17).value();
  EXPECT_EQ(model.kv_usage().reserved_pages, 2);
  EXPECT_EQ(model.Open(17).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(model.Open(64).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(model.Open(65).status().code(), absl::StatusCode::kInvalidArgument);
  model.Close(first);
  EXPECT_TRUE(model.Open(17).ok());
}

TEST(TableModel, FailsTheRowsOfABrokenSequenceOnly) {
  TableModel model = Scripted();
  const SequenceId good = model.Open(8).value();
  const SequenceId bad = model.Open(8).value();
  model.BreakSequence(bad);
  const std::vector<Row> rows = {
      {.sequence = bad, .token = 7, .sampling = &kGreedy, .output = RowOutput::kToken},
      {.sequence = good, .token = 7, .sampling = &kGreedy, .output = RowOutput::kToken}};
  const std::vector<RowResult> results = model.Forward(rows).value();
  EXPECT_EQ(results[0].status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(results[1].status.ok());
}

TEST(TableModelDeathTest, EndsTheProcessOnABrokenInvariant) {
  TableModel model = Scripted();
  const SequenceId id = model.Open(2).value();
  const SequenceId other = model.Open(2).value();
  const Row root{.sequence = id, .token = 1};
  const auto forward = [&](const std::vector<Row>& rows) { (void)model.Forward(rows); };
  EXPECT_DEATH(forward({{.sequence = id, .position = 1}}), "committed");
  EXPECT_DEATH(forward({{.sequence = 99}}), "is open");
  EXPECT_DEATH(forward({{.sequence = id, .token = 8}}), "token id in range");
  EXPECT_DEATH(forward({{.sequence = id, .lookahead = 1}}), "behind an ordinary row");
  EXPECT_DEATH(forward({root, {.sequence = id, .position = 2, .parent = 0}}), "parent.position");
  EXPECT_DEATH(forward({root, {.sequence = other, .position = 1, .parent = 0}}), "same sequence");
  EXPECT_DEATH(forward({root, {.sequence = id, .lookahead = 2, .position = 1, .parent = 0}}),
               "stands behind");
  forward({root,
           {.sequence = id, .lookahead = 1, .position = 1, .parent = 0},
           {.sequence = id, .position = 1, .parent = 0}});
  EXPECT_DEATH((void)model.Commit(id, {{0, 1}}), "never committed");
  EXPECT_DEATH((void)model.Commit(id, {{2}}), "path");
  EXPECT_DEATH((void)model.Commit(other, {{0}}), "this sequence");
  ASSERT_TRUE(model.Commit(id, {{0, 2}}).ok());
  EXPECT_DEATH((void)model.Commit(id, {{0}}), "one commit");
}

TEST(RecordingSink, KeepsWhatItIsTold) {
  RecordingSink sink;
  StepReport step;
  step.token_ids = {1, 2};
  step.text = "ab";
  sink.OnStep(step);
  step.token_ids = {3};
  step.text = "c";
  sink.OnStep(step);
  FinishReport finish;
  finish.reason = FinishReason::kLength;
  sink.OnFinish(finish);
  EXPECT_THAT(sink.token_ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(sink.text(), "abc");
  EXPECT_TRUE(sink.WaitSteps(2));
  ASSERT_TRUE(sink.WaitFinished());
  EXPECT_EQ(sink.finish()->reason, FinishReason::kLength);
}

TEST(FakeClock, MovesOnlyWhenItIsAdvanced) {
  FakeClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(3));
}

TEST(ByteTokenizer, TurnsBytesIntoIdsAndBack) {
  const ByteTokenizer tokenizer;
  EXPECT_THAT(*tokenizer.Encode("a<end>"), ElementsAre('a', '<', 'e', 'n', 'd', '>'));
  EXPECT_THAT(*tokenizer.Encode("a<end>", /*parse_control=*/true), ElementsAre('a', ByteTokenizer::kEnd));
  EXPECT_EQ(tokenizer.TokenBytes('z'), "z");
}

}  // namespace
}  // namespace pass
