// What TreeDecoder plans, accepts and keeps. Mistakes that change candidates alone cannot change the output: the
// accepted lengths are compared with what they must be.
#include "core/decode/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "core/decode/plain.h"
#include "tests/core/decode/choosing_tree.h"
#include "tests/core/decode/decode_loop.h"
#include "tests/fakes/table_model.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kContextLength = 64;
const SamplingOptions kGreedy{.temperature = 0};

TreeOptions LookaheadOnly(int lookahead) {
  return {.lookahead = lookahead, .context_length = kContextLength, .ngram = false, .successors = false};
}

// Every token once, so that nothing but its index says what comes next.
std::vector<TokenId> Script() {
  std::vector<TokenId> script(kContextLength);
  std::iota(script.begin(), script.end(), 1);
  return script;
}

TableModel ScriptedModel(DraftFunction drafts) {
  return TableModel({.vocab_size = kContextLength + 1, .context_length = kContextLength, .num_lookahead = 4},
                    ScriptedLogits(Script()), std::move(drafts));
}

// All candidates, and a group of `rows` rows, or fewer at the end, behind each node.
ChoosingTree::Chooser Everything(int rows) {
  return [rows](const TreeDecoder& decoder, int /*step*/) {
    RowChoice choice;
    for (int longest : decoder.offer()->longest_group) choice.group.push_back(std::min(rows, longest));
    return choice;
  };
}

RowResult TokenResult(TokenId token) {
  RowResult result;
  result.token = token;
  return result;
}

RowResult GroupResult(DraftHandle handle) {
  RowResult result;
  result.drafts = handle;
  return result;
}

Proposal Certainly(TokenId token, DraftHandle next) {
  return {.ids = {token}, .log_probabilities = {0.0f}, .next = next};
}

TEST(TreeDecoder, PlansTheRootItsCandidatesAndThenTheGroups) {
  DraftCalibration calibration;
  TreeDecoder decoder(LookaheadOnly(2), &calibration);
  std::vector<TokenId> text = {5, 6};
  Frontier frontier{.sequence = 3, .newest = 6, .position = 1, .sampling = &kGreedy, .text = text};
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  decoder.Choose({.group = {2}});
  std::vector<Row> rows = decoder.Plan(frontier);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].output, RowOutput::kToken);
  EXPECT_EQ(rows[2].lookahead, 2);
  EXPECT_EQ(rows[2].parent, 1);
  EXPECT_EQ(rows[2].position, 3);
  EXPECT_EQ(rows[2].output, RowOutput::kShortlist);
  Absorbed absorbed =
      decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(7), GroupResult(11), GroupResult(12)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(7));
  EXPECT_THAT(absorbed.commit, ElementsAre(0));
  EXPECT_TRUE(absorbed.validation_step);
  EXPECT_EQ(absorbed.drafted, 0);
  EXPECT_EQ(absorbed.release_before, 11);

  text.push_back(7);
  frontier = {.sequence = 3, .newest = 7, .position = 2, .sampling = &kGreedy, .text = text};
  std::vector<ProposalRequest> requests = decoder.Ask(frontier);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].handle, 11);
  EXPECT_EQ(requests[0].previous, 7);
  decoder.Answer(frontier, std::vector<Proposal>{Certainly(8, 13)});
  requests = decoder.Ask(frontier);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].handle, 12);  // the second row of the group
  EXPECT_EQ(requests[0].previous, 8);
  decoder.Answer(frontier, std::vector<Proposal>{Certainly(9, 14)});
  requests = decoder.Ask(frontier);
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].handle, 14);  // the recurrent step
  EXPECT_EQ(requests[0].previous, 9);
  decoder.Answer(frontier, std::vector<Proposal>{{.ids = {}, .log_probabilities = {}, .next = 15}});
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  decoder.Choose({.group = {0, 1, 1}});
  rows = decoder.Plan(frontier);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[2].token, 9);
  EXPECT_EQ(rows[2].parent, 1);
  EXPECT_EQ(rows[3].parent, 1);
  EXPECT_EQ(rows[4].parent, 2);
  EXPECT_EQ(rows[4].position, 5);
  absorbed = decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(8), TokenResult(50), TokenResult(51),
                                                             GroupResult(16), GroupResult(17)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(8, 50));
  EXPECT_THAT(absorbed.commit, ElementsAre(0, 1));
  EXPECT_EQ(absorbed.drafted, 2);
  EXPECT_EQ(absorbed.drafted_positions, 2);
  EXPECT_EQ(absorbed.accepted, 1);
  EXPECT_EQ(absorbed.release_before, 14);  // the stop node's group is 16; its recurrent step 14
}

TEST(TreeDecoder, FeedsTheNextTreeFromTheStopNodesGroup) {
  TableModel model = ScriptedModel(ScriptedDrafts(Script()));
  ChoosingTree tree(LookaheadOnly(1), Everything(1));
  const std::vector<TokenId> prompt = {1};
  const Decoded decoded = Decode(model, tree, kGreedy, prompt, 1 + 3 * 8);
  EXPECT_THAT(decoded.accepted_lengths, ElementsAre(0, 7, 7, 7));
}

// The head errs at each index that is a multiple of 5: the walk stops inside the tree, at a node whose own group
// must be taken.
TEST(TreeDecoder, TakesTheGroupOfTheNodeWhereTheWalkStopped) {
  const std::vector<TokenId> script = Script();
  const DraftFunction scripted = ScriptedDrafts(script);
  TableModel model = ScriptedModel([&](std::span<const TokenId> context, int lookahead,
                                       std::span<const TokenId> path, std::span<float> logits) {
    scripted(context, lookahead, path, logits);
    const size_t index = context.size() + lookahead - 1 + path.size();
    if (index % 5 == 0) std::swap(logits[script[index]], logits[0]);
  });
  for (const int rows : {1, 2}) {
    ChoosingTree tree(LookaheadOnly(rows), Everything(rows));
    const std::vector<TokenId> prompt = {1};
    const Decoded decoded = Decode(model, tree, kGreedy, prompt, 25);
    // Index 1 without drafts, 2 to 4 and the bonus 5, then four candidates and a bonus each time.
    EXPECT_THAT(decoded.accepted_lengths, ElementsAre(0, 3, 4, 4, 4, 4)) << rows;
  }
}

// One group of four rows, ever, and one candidate a step.
Decoded WithOneGroup(TableModel& model) {
  ChoosingTree tree(LookaheadOnly(4), [](const TreeDecoder& decoder, int step) {
    RowChoice choice;
    choice.group.assign(decoder.offer()->tree->size(), RowChoice::kLeftOut);
    choice.group[0] = step == 0 ? 4 : 0;
    if (decoder.offer()->tree->size() > 1) choice.group[1] = 0;
    return choice;
  });
  const std::vector<TokenId> prompt = {1};
  return Decode(model, tree, kGreedy, prompt, 11);
}

// LA_1 serves index 2, LA_3 index 4; LA_5 does not exist.
TEST(TreeDecoder, UsesTheDeeperRowsOfAnOlderGroup) {
  TableModel model = ScriptedModel(nullptr);
  EXPECT_THAT(WithOneGroup(model).accepted_lengths, ElementsAre(0, 1, 1, 0, 0, 0, 0, 0, 0));
}

TEST(TreeDecoder, GoesOnWithTheRecurrentStepOfTheLastTree) {
  TableModel model = ScriptedModel(ScriptedDrafts(Script()));
  EXPECT_THAT(WithOneGroup(model).accepted_lengths, ElementsAre(0, 1, 1, 1, 1, 1));
}

// A head that is the target itself, and a share of the same noise: nearly every draft is accepted. The likeliest token alone
// would be right in half of the draws.
TEST(TreeDecoder, SharesTheTargetsNoiseWhenSampling) {
  int accepted = 0, missed = 0;
  for (const SamplingOptions& filters : {SamplingOptions{}, SamplingOptions{.temperature = 0.8, .top_k = 3},
                                         SamplingOptions{.temperature = 1.2, .top_p = 0.8, .min_p = 0.05}}) {
    const RandomLogitsOptions logits{.seed = 5, .shared_scale = 0.5, .context_scale = 2.0};
    TableModel model({.vocab_size = 6, .context_length = kContextLength, .shortlist_size = 6},
                     RandomLogits(logits), RandomDrafts(logits, 1.0));
    SamplingOptions sampling = filters;
    for (sampling.seed = 0; sampling.seed < 20; ++sampling.seed) {
      TreeOptions options = LookaheadOnly(1);
      options.max_children = 1;
      ChoosingTree tree(options, Everything(1));
      const std::vector<TokenId> prompt = {1, 2};
      std::vector<int> lengths = Decode(model, tree, sampling, prompt, 1 + 3 * 8).accepted_lengths;
      lengths.pop_back();  // may end early, with the text
      for (size_t step = 1; step < lengths.size(); ++step) {
        accepted += lengths[step];
        missed += lengths[step] < 7 ? 1 : 0;
      }
    }
  }
  EXPECT_GT(accepted, 6 * missed) << accepted << " accepted, " << missed << " missed";
}

TEST(TreeDecoder, CopiesFromItsTextWithoutLookAheadTokens) {
  std::vector<TokenId> script;
  for (int i = 0; i < kContextLength; ++i) script.push_back(i % 12);
  TableModel model({.vocab_size = 12, .context_length = kContextLength, .num_lookahead = 0},
                   ScriptedLogits(script));
  ChoosingTree tree({.lookahead = 0, .context_length = kContextLength, .successors = false}, Everything(0));
  const std::vector<TokenId> prompt(script.begin(), script.begin() + 14);  // once round, and two tokens
  EXPECT_THAT(Decode(model, tree, kGreedy, prompt, 34).accepted_lengths, ElementsAre(16, 16));
}

TEST(TreeDecoder, LearnsSuccessorsOffThePathToo) {
  DraftCalibration calibration;
  TreeDecoder decoder({.lookahead = 0, .context_length = kContextLength, .ngram = false}, &calibration);

  const std::vector<TokenId> text = {1, 2, 1};
  const Frontier frontier{
      .sequence = 1, .newest = 1, .position = 2, .sampling = &kGreedy, .text = text, .least_reach = 0};
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  const int child = decoder.offer()->tree->Child(0, 2);
  ASSERT_GT(child, 0);
  RowChoice choice;
  choice.group.assign(decoder.offer()->tree->size(), RowChoice::kLeftOut);
  choice.group[0] = choice.group[child] = 0;
  decoder.Choose(choice);
  ASSERT_EQ(decoder.Plan(frontier).size(), 2u);
  // The walk stops at the root: its target is 9. Behind 2 the model would have said 8.
  decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(9), TokenResult(8)});
  const std::vector<TokenId> longer = {1, 2, 1, 2};
  const Frontier next{
      .sequence = 1, .newest = 2, .position = 3, .sampling = &kGreedy, .text = longer, .least_reach = 0};
  EXPECT_TRUE(decoder.Ask(next).empty());
  EXPECT_GT(decoder.offer()->tree->Child(0, 8), 0);
}

TEST(TreeDecoder, KeepsFewHandles) {
  TableModel model = ScriptedModel(ScriptedDrafts(Script()));
  ChoosingTree tree(LookaheadOnly(2), Everything(2));
  int most = 0;
  model.OnForward([&](std::span<const Row>) {
    most = std::max(most, model.num_live_drafts());
    return absl::OkStatus();
  });
  const std::vector<TokenId> prompt = {1};
  Decode(model, tree, kGreedy, prompt, 60);
  EXPECT_EQ(model.num_live_drafts(), 0);
  // The stop node's group of two, its recurrent step and what was made after it, and seven proposals.
  EXPECT_LE(most, 2 + 1 + 14 + 7);
}

TEST(TreeDecoder, PlansNothingThatWouldComeTooLate) {
  TableModel model = ScriptedModel(ScriptedDrafts(Script()));
  ChoosingTree tree(LookaheadOnly(4), Everything(4));
  std::vector<size_t> rows;
  model.OnForward([&](std::span<const Row> planned) {
    rows.push_back(planned.size());
    return absl::OkStatus();
  });
  const std::vector<TokenId> prompt = {1};
  EXPECT_THAT(Decode(model, tree, kGreedy, prompt, 3).accepted_lengths, ElementsAre(0, 1));
  EXPECT_THAT(rows,
              ElementsAre(2, 2));  // one look-ahead row for one candidate; no group behind the last step
}

TEST(TreeDecoder, GivesTheBytesOfPlainInAnyBatchWithAnyRows) {
  const unsigned seed = 161803;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](int n) { return static_cast<int>(random() % n); };
  int64_t drafted = 0;
  int64_t accepted = 0;
  for (int round = 0; round < 60; ++round) {
    const RandomLogitsOptions logits{.seed = random(),
                                     .shared_scale = 0.5 * below(3),
                                     .context_scale = 3.0,
                                     .partial_support = round % 3 == 0};
    const bool head = below(4) > 0;
    const int64_t vocab_size = 3 + below(30);
    TableModel model({.vocab_size = vocab_size,
                      .context_length = kContextLength,
                      .num_lookahead = below(5),
                      .total_pages = 1000,
                      .shortlist_size = 2 + below(7)},
                     RandomLogits(logits), head ? RandomDrafts(logits, 0.25 * below(5)) : nullptr);
    std::vector<std::unique_ptr<Decoder>> decoders;
    std::vector<SamplingOptions> sampling(1 + below(16));
    std::vector<std::unique_ptr<DecodingStream>> streams;
    std::vector<std::vector<TokenId>> plain_tokens;
    for (SamplingOptions& options : sampling) {
      options = {.temperature = 0.5 * below(4),
                 .top_k = below(3) * 4,
                 .top_p = below(2) == 0 ? 1.0 : 0.9,
                 .min_p = below(2) == 0 ? 0.0 : 0.05,
                 .seed = random()};
      std::vector<TokenId> prompt(1 + below(6));
      for (TokenId& token : prompt) token = below(static_cast<int>(vocab_size));
      const int room = kContextLength - static_cast<int>(prompt.size());
      const int num_tokens = below(4) == 0 ? room : 1 + below(room);
      PlainDecoder plain;
      plain_tokens.push_back(Decode(model, plain, options, prompt, num_tokens).tokens);
      const TreeOptions tree{.lookahead = below(model.info().num_lookahead + 1),
                             .context_length = kContextLength,
                             .ngram = below(2) == 0,
                             .successors = below(2) == 0,
                             .max_nodes = 1 + below(30)};
      decoders.push_back(std::make_unique<ChoosingTree>(tree, AnyRows(random)));
      streams.push_back(
          std::make_unique<DecodingStream>(model, *decoders.back(), options, prompt, num_tokens));
    }
    DecodeInRandomBatches(model, streams, random);
    for (size_t i = 0; i < streams.size(); ++i) {
      ASSERT_EQ(streams[i]->decoded().tokens, plain_tokens[i]) << "round " << round << " stream " << i;
      drafted += streams[i]->decoded().drafted;
      accepted += streams[i]->decoded().accepted;
    }
    streams.clear();
    EXPECT_EQ(model.num_live_drafts(), 0);
  }
  // Rejections and acceptances both took part.
  EXPECT_GT(accepted, drafted / 40);
  EXPECT_LT(accepted, drafted / 2);
}

}  // namespace
}  // namespace pass
