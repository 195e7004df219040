#include "tests/fakes/table_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "core/base/check.h"
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

// One forward over a newest token and a group of look-ahead rows that give handles.
std::vector<DraftHandle> Handles(TableModel& model, SequenceId id, TokenId newest, int num_lookahead) {
  const auto position = static_cast<int32_t>(model.Committed(id).size());
  std::vector<Row> rows = {{.sequence = id,
                            .token = newest,
                            .position = position,
                            .sampling = &kGreedy,
                            .output = RowOutput::kToken}};
  for (int k = 1; k <= num_lookahead; ++k) {
    rows.push_back({.sequence = id,
                    .lookahead = k,
                    .position = position + k,
                    .parent = k - 1,
                    .sampling = &kGreedy,
                    .output = RowOutput::kShortlist});
  }
  std::vector<DraftHandle> handles;
  const std::vector<RowResult> results = model.Forward(rows).value();
  for (int k = 1; k <= num_lookahead; ++k) handles.push_back(results[k].drafts);
  PASS_CHECK(model.Commit(id, {{0}}).ok());
  return handles;
}

Proposal ProposeOne(TableModel& model, SequenceId id, DraftHandle handle, TokenId previous) {
  return model.Propose({{{.sequence = id, .handle = handle, .previous = previous}}}).value()[0];
}

TEST(TableModelDrafts, AreTheRowsOwnShortlistWithoutAHead) {
  TableModel model = Scripted();
  EXPECT_FALSE(model.info().has_head);
  EXPECT_EQ(model.info().shortlist_size, 3);
  const SequenceId id = model.Open(8).value();
  const std::vector<DraftHandle> handles = Handles(model, id, 7, 2);
  for (TokenId previous : {1, 5}) {
    const Proposal proposal = ProposeOne(model, id, handles[0], previous);
    EXPECT_THAT(proposal.ids, ElementsAre(2, 0, 1));
    EXPECT_NEAR(std::exp(proposal.log_probabilities[0]), 1.0, 1e-6);
    EXPECT_EQ(proposal.next, 0);
  }
  EXPECT_THAT(ProposeOne(model, id, handles[1], 0).ids, ElementsAre(3, 0, 1));
}

TEST(TableModelDrafts, FollowTheTokenBeforeAndTheRecurrentPathWithAHead) {
  const std::vector<TokenId> script = {7, 1, 2, 3, 4, 5};
  TableModel model({.vocab_size = 8}, ScriptedLogits(script), ScriptedDrafts(script));
  EXPECT_TRUE(model.info().has_head);
  const SequenceId id = model.Open(8).value();
  const DraftHandle first = Handles(model, id, 7, 1)[0];
  EXPECT_EQ(ProposeOne(model, id, first, 1).ids[0], 2);
  EXPECT_EQ(ProposeOne(model, id, first, 5).ids[0], 0);  // 5 is not what the script has there
  DraftHandle handle = first;
  for (TokenId previous : {1, 2, 3, 4}) {
    const Proposal proposal = ProposeOne(model, id, handle, previous);
    EXPECT_EQ(proposal.ids[0], previous + 1);
    EXPECT_GT(proposal.next, handle);
    handle = proposal.next;
  }
  EXPECT_EQ(ProposeOne(model, id, handle, 0).ids[0], 0);
}

TEST(TableModelDrafts, AreTheTargetsOwnBehindTheFirstRowWhenTheHeadAgreesFully) {
  const RandomLogitsOptions logits{.seed = 3};
  TableModel model({.vocab_size = 5, .shortlist_size = 5}, RandomLogits(logits), RandomDrafts(logits, 1.0));
  const SequenceId id = model.Open(8).value();
  const DraftHandle handle = Handles(model, id, 2, 1)[0];
  for (TokenId previous = 0; previous < 5; ++previous) {
    const SamplingOptions sampling;
    const Row row{.sequence = id,
                  .token = previous,
                  .position = 1,
                  .sampling = &sampling,
                  .output = RowOutput::kDistribution};
    const Distribution target = model.Forward({{row}}).value()[0].distribution;
    const Proposal proposal = ProposeOne(model, id, handle, previous);
    ASSERT_EQ(proposal.ids.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(std::exp(proposal.log_probabilities[i]), target.ProbabilityOf(proposal.ids[i]), 1e-6);
    }
    EXPECT_TRUE(std::ranges::is_sorted(proposal.log_probabilities, std::greater<>()));
  }
}

TEST(TableModelDrafts, LiveUntilTheyAreReleasedOrTheirSequenceCloses) {
  const RandomLogitsOptions logits{.seed = 4};
  TableModel model({}, RandomLogits(logits), RandomDrafts(logits, 0.5));
  const SequenceId id = model.Open(8).value();
  const SequenceId other = model.Open(8).value();
  const std::vector<DraftHandle> old = Handles(model, id, 1, 3);
  Handles(model, other, 1, 2);
  EXPECT_EQ(model.num_live_drafts(), 5);
  const std::vector<DraftHandle> young = Handles(model, id, 2, 2);  // a commit lay between
  const DraftHandle next = ProposeOne(model, id, old[1], 0).next;
  EXPECT_EQ(model.num_live_drafts(), 8);
  model.ReleaseDrafts(id, young[0]);
  EXPECT_EQ(model.num_live_drafts(), 5);
  EXPECT_DEATH(ProposeOne(model, id, old[1], 0), "live handle");
  EXPECT_FALSE(ProposeOne(model, id, next, 0).ids.empty());
  model.Close(id);
  EXPECT_EQ(model.num_live_drafts(), 2);
  EXPECT_DEATH(ProposeOne(model, id, young[0], 0), "is open");
}

TEST(TableModelDraftsDeathTest, EndTheProcessOnABrokenInvariant) {
  TableModel model = Scripted();
  const SequenceId id = model.Open(8).value();
  const SequenceId other = model.Open(8).value();
  const DraftHandle handle = Handles(model, id, 7, 1)[0];
  EXPECT_DEATH(ProposeOne(model, id, 0, 0), "live handle");
  EXPECT_DEATH(ProposeOne(model, id, handle + 1, 0), "live handle");
  EXPECT_DEATH(ProposeOne(model, other, handle, 0), "live handle of this sequence");
  EXPECT_DEATH(ProposeOne(model, id, handle, 8), "token id in range");
  EXPECT_DEATH(model.ReleaseDrafts(99, 1), "is open");
  const Row ordinary{.sequence = other, .token = 1, .sampling = &kGreedy, .output = RowOutput::kShortlist};
  EXPECT_DEATH((void)model.Forward({{ordinary}}), "look-ahead row's");
}

TEST(TableModelDrafts, FailWithTheirRowAndLeaveNoHandle) {
  TableModel model = Scripted();
  const SequenceId id = model.Open(8).value();
  model.BreakSequence(id);
  const std::vector<Row> rows = {
      {.sequence = id, .token = 7, .sampling = &kGreedy, .output = RowOutput::kToken},
      {.sequence = id,
       .lookahead = 1,
       .position = 1,
       .parent = 0,
       .sampling = &kGreedy,
       .output = RowOutput::kShortlist}};
  EXPECT_EQ(model.Forward(rows).value()[1].status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(model.num_live_drafts(), 0);
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
