#include "bench/verify.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/table_model.h"

namespace pass::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class VerifyTest : public testing::Test {
 protected:
  VerifyTest() {
    text_.tokenizer = std::make_unique<ByteTokenizer>();
    text_.end_of_sequence_ids = {ByteTokenizer::kEnd};
    for (int i = 0; i < 20; ++i) {
      set_.prompts.push_back({.ids = std::vector<TokenId>(5 + i % 30, i), .chat = i % 2 == 0});
    }
  }

  static TableModelOptions ModelOptions() {
    return {.vocab_size = ByteTokenizer::kEnd + 1, .context_length = 128};
  }

  std::vector<VerifyResult> Run(TableModel& model) {
    VerifyOptions options{
        .variants = {{Method::kPlain}, {Method::kPass, 4}, {Method::kTree, 4}, {Method::kAuto, 4}},
        .samplings = {*ParseSampling("greedy"), *ParseSampling("t0.8-k10")},
        .tokens = 24,
        .batch = 4};
    const auto results = Verify(model, text_, PromptsToVerify({set_}, 30), options, FakeClock(), nullptr);
    EXPECT_TRUE(results.ok()) << results.status();
    return results.value_or(std::vector<VerifyResult>{});
  }

  TextModel text_;
  PromptSet set_{.name = "set", .prompts = {}};
};

TEST_F(VerifyTest, FindsNoDifferenceWhereRowsDoNotDependOnTheirNeighbours) {
  TableModel model(ModelOptions(), RandomLogits({.shared_scale = 3.0}));
  const std::vector<VerifyResult> results = Run(model);
  // Greedy: three of four methods alone, four in a batch, all mixed. Sampled, `pass` promises nothing.
  ASSERT_THAT(results, SizeIs(8 + 6));
  for (const VerifyResult& result : results) {
    EXPECT_EQ(result.different, 0) << result.name << ": " << result.difference;
    EXPECT_EQ(result.compared, 30) << result.name;
    EXPECT_GT(result.tokens, 100) << result.name;
  }
  EXPECT_EQ(results[1].name, "greedy, pass L=4 alone");
  EXPECT_LT(results[1].forwards, results[1].tokens) << "it speculates";
  EXPECT_EQ(results[2].name, "greedy, pass L=4 in a batch of 4");
  EXPECT_GT(results[2].cut_off, 0);
}

TEST_F(VerifyTest, FindsAModelWhoseRowsDependOnTheirNeighbours) {
  size_t num_rows = 0;
  const LogitsFunction honest = RandomLogits({.shared_scale = 3.0});
  TableModel model(ModelOptions(),
                   [&](std::span<const TokenId> context, int lookahead, std::span<float> logits) {
                     honest(context, lookahead, logits);
                     if (num_rows > 8 && context.size() % 16 == 0)
                       std::swap(logits[0], logits[1]), logits[2] += 5;
                   });
  model.OnForward([&](std::span<const Row> rows) {
    num_rows = rows.size();
    return absl::OkStatus();
  });
  const std::vector<VerifyResult> results = Run(model);
  ASSERT_THAT(results, SizeIs(14));
  EXPECT_GT(results[0].different, 0) << results[0].name;
  EXPECT_THAT(results[0].difference, HasSubstr("the same, end"));
}

TEST_F(VerifyTest, CutsPromptsWhereThereAreTooFew) {
  const std::vector<EncodedPrompt> prompts = PromptsToVerify({set_}, 25);
  ASSERT_THAT(prompts, SizeIs(25));
  EXPECT_EQ(prompts[20].ids.size(), prompts[0].ids.size() / 2);
  EXPECT_TRUE(prompts[20].chat);
  EXPECT_THAT(PromptsToVerify({set_}, 3), SizeIs(3));
}

}  // namespace
}  // namespace pass::bench
