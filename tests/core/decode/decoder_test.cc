// What the decoders plan and absorb, step by step, and what they have in common.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "core/decode/pass.h"
#include "core/decode/plain.h"
#include "core/sampling/draw.h"
#include "core/sampling/noise.h"
#include "tests/core/decode/decode_loop.h"
#include "tests/fakes/table_model.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

constexpr int32_t kContextLength = 64;
const SamplingOptions kGreedy{.temperature = 0};

ModelInfo Info(int32_t context_length = kContextLength, bool has_head = false) {
  ModelInfo info;
  info.context_length = context_length;
  info.has_head = has_head;
  return info;
}

RowResult TokenResult(TokenId token) {
  RowResult result;
  result.token = token;
  return result;
}

RowResult DistributionResult(Distribution distribution) {
  RowResult result;
  result.distribution = std::move(distribution);
  return result;
}

RowResult Certain(TokenId token) { return DistributionResult({.ids = {token}, .probabilities = {1.0f}}); }

std::vector<int32_t> PositionsOf(const std::vector<Row>& rows) {
  std::vector<int32_t> positions;
  for (const Row& row : rows) positions.push_back(row.position);
  return positions;
}

TEST(PlainDecoder, PlansOneRowAndIsAValidationStepEachTime) {
  PlainDecoder decoder;
  const Frontier frontier{.sequence = 3, .newest = 9, .position = 5, .sampling = &kGreedy};
  const std::vector<Row> rows = decoder.Plan(frontier);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].token, 9);
  EXPECT_EQ(rows[0].position, 5);
  EXPECT_EQ(rows[0].output, RowOutput::kToken);
  const Absorbed absorbed = decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(4)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(4));
  EXPECT_THAT(absorbed.commit, ElementsAre(0));
  EXPECT_TRUE(absorbed.validation_step);
  EXPECT_EQ(absorbed.drafted, 0);
  EXPECT_TRUE(decoder.AtBoundary());
}

TEST(PassDecoder, DraftsWithLookAheadRowsAndThenValidates) {
  PassDecoder decoder(/*lookahead=*/3, Info());
  Frontier frontier{.sequence = 1, .newest = 9, .position = 5, .sampling = &kGreedy};
  EXPECT_TRUE(decoder.AtBoundary());
  std::vector<Row> rows = decoder.Plan(frontier);
  EXPECT_THAT(PositionsOf(rows), ElementsAre(5, 6, 7, 8));
  EXPECT_EQ(rows[0].output, RowOutput::kToken);
  for (int k = 1; k <= 3; ++k) {
    EXPECT_EQ(rows[k].lookahead, k);
    EXPECT_EQ(rows[k].parent, k - 1);
    EXPECT_EQ(rows[k].output, RowOutput::kDistribution);
  }
  Absorbed absorbed = decoder.Absorb(
      frontier, std::vector<RowResult>{TokenResult(20), Certain(21), Certain(22), Certain(23)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(20));
  EXPECT_THAT(absorbed.commit, ElementsAre(0));
  EXPECT_FALSE(absorbed.validation_step);
  EXPECT_FALSE(decoder.AtBoundary());

  frontier.newest = 20;
  frontier.position = 6;
  rows = decoder.Plan(frontier);
  EXPECT_THAT(PositionsOf(rows), ElementsAre(6, 7, 8, 9));
  for (int i = 0; i <= 3; ++i) {
    EXPECT_EQ(rows[i].token, 20 + i);
    EXPECT_EQ(rows[i].lookahead, 0);
    EXPECT_EQ(rows[i].parent, i - 1);
    EXPECT_EQ(rows[i].output, RowOutput::kDistribution);
  }
  absorbed =
      decoder.Absorb(frontier, std::vector<RowResult>{Certain(21), Certain(30), Certain(23), Certain(24)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(21, 30));
  EXPECT_THAT(absorbed.commit, ElementsAre(0, 1));
  EXPECT_TRUE(absorbed.validation_step);
  EXPECT_EQ(absorbed.drafted, 3);
  EXPECT_EQ(absorbed.accepted, 1);
  EXPECT_TRUE(decoder.AtBoundary());
}

TEST(PassDecoder, LeavesOutDraftsThatWouldStandPastTheContext) {
  const auto rows_at = [](int32_t position) {
    PassDecoder decoder(/*lookahead=*/4, Info(/*context_length=*/10));
    return decoder.Plan({.sequence = 1, .newest = 0, .position = position, .sampling = &kGreedy}).size();
  };
  EXPECT_EQ(rows_at(4), 5u);  // the last draft stands at 9
  EXPECT_EQ(rows_at(5), 4u);
  EXPECT_EQ(rows_at(7), 2u);
  EXPECT_EQ(rows_at(8), 1u);
  EXPECT_EQ(rows_at(9), 1u);
}

// The keys as the design documents them, computed here on their own.
TEST(PassDecoder, DrawsDraftsResidualAndBonusWithTheirOwnNoise) {
  const Distribution q{.ids = {0, 1, 2, 3}, .probabilities = {0.4f, 0.3f, 0.2f, 0.1f}};
  const Distribution p{.ids = {0, 1, 2, 3}, .probabilities = {0.1f, 0.2f, 0.3f, 0.4f}};
  const int32_t n = 11;
  int rejections = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const SamplingOptions sampling{.seed = seed, .choice = 2};
    const Noise noise(seed, 2);
    PassDecoder decoder(/*lookahead=*/1, Info());
    Frontier frontier{.sequence = 1, .newest = 0, .position = n, .sampling = &sampling};
    decoder.Plan(frontier);
    decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(3), DistributionResult(q)});
    frontier.newest = 3;
    frontier.position = n + 1;
    const TokenId draft = Draw(q, noise, /*position=*/n + 2, /*base=*/n, Purpose::kDraft);
    ASSERT_EQ(decoder.Plan(frontier)[1].token, draft);
    const Absorbed absorbed =
        decoder.Absorb(frontier, std::vector<RowResult>{DistributionResult(p), DistributionResult(p)});
    const double u = noise.Uniform(/*position=*/n + 2, /*base=*/n, Purpose::kAccept);
    if (u * q.ProbabilityOf(draft) < p.ProbabilityOf(draft)) {
      EXPECT_THAT(absorbed.emitted, ElementsAre(draft, Draw(p, noise, n + 3, /*base=*/0, Purpose::kTarget)));
    } else {
      ++rejections;
      EXPECT_THAT(absorbed.emitted,
                  ElementsAre(Draw(Residual(p, q), noise, n + 2, /*base=*/0, Purpose::kTarget)));
    }
  }
  EXPECT_GT(rejections, 20);
  EXPECT_LT(rejections, 180);
}

// A row's handle, and what a head makes of it.
RowResult HandleResult(DraftHandle handle) {
  RowResult result;
  result.drafts = handle;
  return result;
}

Proposal Proposed(std::vector<TokenId> ids, std::vector<float> log_probabilities, DraftHandle next) {
  return {.ids = std::move(ids), .log_probabilities = std::move(log_probabilities), .next = next};
}

TEST(PassDecoder, WithAHeadDrawsEachDraftBehindTheOneBefore) {
  PassDecoder decoder(/*lookahead=*/2, Info(kContextLength, /*has_head=*/true));
  Frontier frontier{.sequence = 7, .newest = 9, .position = 5, .sampling = &kGreedy};
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  const std::vector<Row> rows = decoder.Plan(frontier);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].output, RowOutput::kToken);
  EXPECT_EQ(rows[1].output, RowOutput::kShortlist);
  EXPECT_EQ(rows[2].output, RowOutput::kShortlist);
  decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(20), HandleResult(41), HandleResult(42)});

  frontier.newest = 20;
  frontier.position = 6;
  std::vector<ProposalRequest> asked = decoder.Ask(frontier);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].sequence, 7);
  EXPECT_EQ(asked[0].handle, 41);
  EXPECT_EQ(asked[0].previous, 20);
  decoder.Answer(frontier, std::vector<Proposal>{Proposed({30, 21}, {-0.1f, -2.4f}, /*next=*/43)});
  asked = decoder.Ask(frontier);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].handle, 42);
  EXPECT_EQ(asked[0].previous, 30);
  decoder.Answer(frontier, std::vector<Proposal>{Proposed({31, 32}, {-0.7f, -0.7f}, /*next=*/44)});
  EXPECT_TRUE(decoder.Ask(frontier).empty());

  const std::vector<Row> validation = decoder.Plan(frontier);
  ASSERT_EQ(validation.size(), 3u);
  EXPECT_EQ(validation[1].token, 30);
  EXPECT_EQ(validation[2].token, 31);
  const Absorbed absorbed =
      decoder.Absorb(frontier, std::vector<RowResult>{Certain(30), Certain(31), Certain(32)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(30, 31, 32));
  EXPECT_EQ(absorbed.release_before, 45);
  EXPECT_TRUE(decoder.AtBoundary());
}

// The frontier of the validation behind a draft forward that drew 20 at index 6 and left the handles 41 and 42.
Frontier AfterDraftForward(PassDecoder& decoder) {
  Frontier frontier{.sequence = 7, .newest = 9, .position = 5, .sampling = &kGreedy};
  EXPECT_THAT(PositionsOf(decoder.Plan(frontier)), ElementsAre(5, 6, 7));
  decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(20), HandleResult(41), HandleResult(42)});
  frontier.newest = 20;
  frontier.position = 6;
  return frontier;
}

TEST(PassDecoder, WithAHeadDrawsDraftsBehindItsRowsByRecurrentSteps) {
  PassDecoder decoder(/*lookahead=*/4, Info(kContextLength, /*has_head=*/true));
  const Frontier frontier = AfterDraftForward(decoder);
  const DraftHandle handles[] = {41, 42, 44, 45};  // the rows', and what the proposals before gave
  for (int i = 0; i < 4; ++i) {
    const std::vector<ProposalRequest> asked = decoder.Ask(frontier);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].handle, handles[i]);
    EXPECT_EQ(asked[0].previous, i == 0 ? 20 : 29 + i);
    decoder.Answer(frontier, std::vector<Proposal>{Proposed({30 + i}, {0.0f}, /*next=*/43 + i)});
  }
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  EXPECT_THAT(PositionsOf(decoder.Plan(frontier)), ElementsAre(6, 7, 8, 9, 10));
  const Absorbed absorbed = decoder.Absorb(
      frontier, std::vector<RowResult>{Certain(30), Certain(31), Certain(32), Certain(33), Certain(34)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(30, 31, 32, 33, 34));
  EXPECT_EQ(absorbed.release_before, 47);
}

TEST(PassDecoder, WithAHeadEndsTheChainWhereADraftWouldHardlyBeReached) {
  PassDecoder decoder(/*lookahead=*/4, Info(kContextLength, /*has_head=*/true));
  const Frontier frontier = AfterDraftForward(decoder);
  const auto draw = [&](TokenId token, double probability) {
    ASSERT_EQ(decoder.Ask(frontier).size(), 1u);
    std::vector<TokenId> ids = {token};
    std::vector<float> log_probabilities = {static_cast<float>(std::log(probability))};
    for (TokenId other = 1; other <= 9; ++other) {
      ids.push_back(other);
      log_probabilities.push_back(static_cast<float>(std::log((1 - probability) / 9)));
    }
    decoder.Answer(
        frontier, std::vector<Proposal>{Proposed(std::move(ids), std::move(log_probabilities), /*next=*/43)});
  };
  draw(30, 0.8);
  draw(31, 0.8 * DraftChain::kLeastReach);  // the product is less than kLeastReach
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  EXPECT_EQ(decoder.Plan(frontier).size(), 3u);  // what was drawn is validated
}

TEST(PassDecoder, WithAHeadLeavesOutDraftsThatWouldStandPastTheContext) {
  PassDecoder decoder(/*lookahead=*/8, Info(/*context_length=*/10, /*has_head=*/true));
  const Frontier frontier = AfterDraftForward(decoder);
  int asked = 0;
  for (; !decoder.Ask(frontier).empty(); ++asked) {
    decoder.Answer(frontier, std::vector<Proposal>{Proposed({30}, {0.0f}, /*next=*/43 + asked)});
  }
  EXPECT_EQ(asked, 3);
  EXPECT_THAT(PositionsOf(decoder.Plan(frontier)), ElementsAre(6, 7, 8, 9));  // the context's last position
}

TEST(PassDecoder, GoesOnWithFewerDraftsWhereTheHeadsNumbersAreNone) {
  PassDecoder decoder(/*lookahead=*/3, Info(kContextLength, /*has_head=*/true));
  Frontier frontier{.sequence = 1, .newest = 9, .position = 5, .sampling = &kGreedy};
  decoder.Plan(frontier);
  decoder.Absorb(frontier, std::vector<RowResult>{TokenResult(20), HandleResult(1), HandleResult(2)});
  frontier.newest = 20;
  frontier.position = 6;
  decoder.Answer(frontier, std::vector<Proposal>{Proposed({30}, {0.0f}, /*next=*/4)});
  ASSERT_FALSE(decoder.Ask(frontier).empty());
  const float nan = std::numeric_limits<float>::quiet_NaN();
  decoder.Answer(frontier, std::vector<Proposal>{Proposed({31, 32}, {nan, nan}, /*next=*/5)});
  EXPECT_TRUE(decoder.Ask(frontier).empty());
  EXPECT_EQ(decoder.Plan(frontier).size(), 2u);
  const Absorbed absorbed = decoder.Absorb(frontier, std::vector<RowResult>{Certain(30), Certain(31)});
  EXPECT_THAT(absorbed.emitted, ElementsAre(30, 31));
  EXPECT_EQ(absorbed.drafted, 1);
  EXPECT_EQ(absorbed.accepted, 1);
  EXPECT_EQ(absorbed.release_before, 6);
}

TEST(PassDecoder, HoldsNoHandleBetweenRounds) {
  const RandomLogitsOptions logits{.seed = 8};
  TableModel model({.vocab_size = 16, .context_length = kContextLength}, RandomLogits(logits),
                   RandomDrafts(logits, 0.5));
  PassDecoder decoder(/*lookahead=*/4, model.info());
  const SamplingOptions sampling{.seed = 9};
  DecodingStream stream(model, decoder, sampling, std::vector<TokenId>{1, 2}, 40);
  int held = 0;
  while (true) {
    std::vector<Row> rows;
    stream.Draft();
    stream.Plan(rows);
    stream.Absorb(model.Forward(rows).value());
    if (stream.done()) break;  // the last round is not committed
    held = std::max(held, model.num_live_drafts());
    if (decoder.AtBoundary()) {
      ASSERT_EQ(model.num_live_drafts(), 0);
    }
  }
  EXPECT_EQ(held, PassDecoder::kRowsWithHead);
}

TEST(PassDecoder, IsGreedyLikePlainOnRandomModels) {
  const unsigned seed = 271828;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  int drafted = 0;
  int accepted = 0;
  for (int round = 0; round < 500; ++round) {
    const RandomLogitsOptions logits{.seed = random(),
                                     .shared_scale = 1.0,
                                     .context_scale = 0.2 * (random() % 6),
                                     .partial_support = round % 3 == 0};
    TableModel model(
        {.vocab_size = 3 + static_cast<int64_t>(random() % 30), .context_length = kContextLength},
        RandomLogits(logits), round % 2 == 0 ? nullptr : RandomDrafts(logits, 0.25 * (random() % 5)));
    const std::vector<TokenId> prompt(1 + random() % 4,
                                      static_cast<TokenId>(random() % model.info().vocab_size));
    // Through the very end of the context in one round of four.
    const int num_tokens = round % 4 == 0 ? kContextLength - static_cast<int>(prompt.size()) : 30;
    PlainDecoder plain;
    PassDecoder pass(static_cast<int>(random() % 5), model.info());
    const Decoded with_plain = Decode(model, plain, kGreedy, prompt, num_tokens);
    const Decoded with_pass = Decode(model, pass, kGreedy, prompt, num_tokens);
    ASSERT_EQ(with_plain.tokens, with_pass.tokens) << "round " << round;
    EXPECT_EQ(with_plain.forwards, num_tokens);
    EXPECT_EQ(with_plain.validation_steps, num_tokens);
    EXPECT_EQ(with_pass.validation_steps, with_pass.forwards / 2);
    drafted += with_pass.drafted;
    accepted += with_pass.accepted;
  }
  // Rejections and acceptances both took part.
  EXPECT_GT(accepted, drafted / 5);
  EXPECT_LT(accepted, drafted * 4 / 5);
}

TEST(PassDecoder, EmitsAcceptedPlusTwoTokensInTwoForwards) {
  std::vector<TokenId> script(kContextLength);
  for (int i = 0; i < kContextLength; ++i) script[i] = i % 7;
  TableModel model({.vocab_size = 7, .context_length = kContextLength}, ScriptedLogits(script));
  PassDecoder decoder(/*lookahead=*/4, model.info());
  const Decoded decoded = Decode(model, decoder, kGreedy, std::vector<TokenId>{0}, /*num_tokens=*/30);
  EXPECT_EQ(decoded.tokens, std::vector<TokenId>(script.begin() + 1, script.begin() + 31));
  EXPECT_EQ(decoded.forwards, 10);  // five rounds of six tokens
  EXPECT_EQ(decoded.validation_steps, 5);
  EXPECT_EQ(decoded.drafted, 20);
  EXPECT_EQ(decoded.accepted, 20);
}

TEST(PassDecoder, WithoutLookAheadSamplesTheTokensOfPlain) {
  TableModel model({.vocab_size = 20, .context_length = kContextLength}, RandomLogits({.seed = 5}));
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const SamplingOptions sampling{.temperature = 0.9, .top_p = 0.95, .seed = seed};
    PlainDecoder plain;
    PassDecoder pass(/*lookahead=*/0, model.info());
    EXPECT_EQ(Decode(model, plain, sampling, std::vector<TokenId>{1, 2}, 30).tokens,
              Decode(model, pass, sampling, std::vector<TokenId>{1, 2}, 30).tokens);
  }
}

class Decoders : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(Heads, Decoders, testing::Bool(),
                         [](const auto& test) { return test.param ? "WithAHead" : "WithoutAHead"; });

TEST_P(Decoders, GiveEachSequenceTheSameTokensInAnyBatch) {
  const unsigned seed = 577215;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const RandomLogitsOptions logits{.seed = 6, .partial_support = true};
  TableModel model({.vocab_size = 16, .context_length = kContextLength, .total_pages = 1000},
                   RandomLogits(logits), GetParam() ? RandomDrafts(logits, 0.6) : nullptr);
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Decoder>> decoders;
    std::vector<SamplingOptions> sampling(12);
    std::vector<std::unique_ptr<DecodingStream>> streams;
    std::vector<std::vector<TokenId>> alone;
    for (size_t i = 0; i < sampling.size(); ++i) {
      sampling[i] = {
          .temperature = 0.4 * (random() % 4), .top_k = static_cast<int>(random() % 3 * 4), .seed = random()};
      const std::vector<TokenId> prompt(1 + random() % 3, static_cast<TokenId>(random() % 16));
      const int num_tokens = 1 + static_cast<int>(random() % 25);
      const int lookahead = static_cast<int>(random() % 5);
      const auto make_decoder = [&]() -> std::unique_ptr<Decoder> {
        if (i % 2 == 0) return std::make_unique<PlainDecoder>();
        return std::make_unique<PassDecoder>(lookahead, model.info());
      };
      alone.push_back(Decode(model, *make_decoder(), sampling[i], prompt, num_tokens).tokens);
      decoders.push_back(make_decoder());
      streams.push_back(
          std::make_unique<DecodingStream>(model, *decoders.back(), sampling[i], prompt, num_tokens));
    }
    DecodeInRandomBatches(model, streams, random);
    for (size_t i = 0; i < streams.size(); ++i)
      EXPECT_EQ(streams[i]->decoded().tokens, alone[i]) << "stream " << i;
  }
}

}  // namespace
}  // namespace pass
