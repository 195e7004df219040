#include "bench/greedy.h"

#include <algorithm>
#include <memory>

#include "bench/report.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/table_model.h"

namespace pass::bench {
namespace {

using ::testing::HasSubstr;

constexpr int kTokens = 40;  // more than one chunk, with the prompts
constexpr int kPrompts = 3;

class GreedyTest : public testing::Test {
 protected:
  GreedyTest() {
    text_.tokenizer = std::make_unique<ByteTokenizer>();
    text_.end_of_sequence_ids = {ByteTokenizer::kEnd};
    for (int i = 0; i < kPrompts; ++i) {
      set_.prompts.push_back({.ids = std::vector<TokenId>(5 + 7 * static_cast<size_t>(i), i)});
    }
  }

  static TableModel Model(LogitsFunction logits) {
    return TableModel({.vocab_size = ByteTokenizer::kEnd + 1, .context_length = 128}, std::move(logits));
  }

  GreedyAgreement Compare(const LogitsFunction& model_logits) {
    TableModel reference = Model(logits_), model = Model(model_logits);
    const auto agreements = CompareGreedy(reference, model, text_, {set_}, kTokens, FakeClock());
    EXPECT_TRUE(agreements.ok()) << agreements.status();
    EXPECT_EQ(reference.num_open() + model.num_open(), 0);
    return agreements.ok() && agreements->size() == 1 ? agreements->front() : GreedyAgreement();
  }

  const LogitsFunction logits_ = RandomLogits({.shared_scale = 3.0});
  TextModel text_;
  PromptSet set_{.name = "set", .prompts = {}};
};

TEST_F(GreedyTest, TheSameModelWritesTheReferencesTokens) {
  const GreedyAgreement agreement = Compare(logits_);
  EXPECT_EQ(agreement.name, "set");
  EXPECT_EQ(agreement.same_texts, kPrompts);
  EXPECT_EQ(agreement.tokens, kPrompts * kTokens);
  EXPECT_EQ(agreement.same, agreement.tokens);
  EXPECT_EQ(agreement.largest_gap, 0);
}

// The second text's third token is another one than the likeliest, by so many nats.
TEST_F(GreedyTest, CountsATokenThatDiffersAndSaysHowFarOffItIs) {
  const size_t prompt = set_.prompts[1].ids.size();
  float gap = 0;
  const GreedyAgreement agreement =
      Compare([&](std::span<const TokenId> context, int lookahead, std::span<float> logits) {
        logits_(context, lookahead, logits);
        if (context.size() != prompt + 2 || context.front() != 1) return;
        const auto best = std::ranges::max_element(logits);
        const auto other = logits.begin() + (best == logits.begin() ? 1 : 0);
        gap = *best - *other;
        std::swap(*best, *other);
      });
  EXPECT_EQ(agreement.texts, kPrompts);
  EXPECT_EQ(agreement.same_texts, kPrompts - 1);
  EXPECT_EQ(agreement.same, agreement.tokens - 1) << "behind it both are asked about the same text";
  EXPECT_GT(gap, 0);
  EXPECT_NEAR(agreement.largest_gap, gap, 1e-4);
}

TEST_F(GreedyTest, ReportsNameTheGap) {
  const std::vector<GreedyAgreement> agreements = {
      {.name = "code", .texts = 2, .same_texts = 1, .tokens = 8, .same = 7, .largest_gap = 0.25}};
  EXPECT_THAT(MarkdownOf(Subject(), 4, agreements), HasSubstr("| code | 2 | 1 | 8 | 7 | 0.2500 |"));
  const nlohmann::ordered_json json = JsonOf(Subject(), 4, agreements);
  EXPECT_EQ(json["sets"][0]["same"], 7);
  EXPECT_EQ(json["sets"][0]["largest_gap"], 0.25);
}

}  // namespace
}  // namespace pass::bench
