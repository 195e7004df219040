#include "bench/quality.h"

#include <gtest/gtest.h>

#include "tests/fakes/byte_tokenizer.h"
#include "tests/fakes/table_model.h"

namespace pass::bench {
namespace {

constexpr TableModelOptions kOptions = {.vocab_size = 40, .context_length = 128};

std::vector<PromptSet> Texts() {
  PromptSet set{.name = "texts", .prompts = {}};
  for (int length : {1, 2, 33, 100, 200}) {  // none, one chunk, two, some, and beyond the context
    EncodedPrompt& prompt = set.prompts.emplace_back();
    for (int i = 0; i < length; ++i) prompt.ids.push_back((i * 7 + length) % 40);
  }
  return {set};
}

TEST(QualityTest, OfTheSameModelIsPerfect) {
  TableModel reference(kOptions, RandomLogits({.shared_scale = 3.0}));
  TableModel model(kOptions, RandomLogits({.shared_scale = 3.0}));
  const auto qualities = MeasureQuality(reference, model, Texts());
  ASSERT_TRUE(qualities.ok()) << qualities.status();
  ASSERT_EQ(qualities->size(), 1U);
  const Quality& quality = qualities->front();
  EXPECT_EQ(quality.tokens, 1 + 32 + 99 + 127);
  EXPECT_EQ(quality.perplexity, quality.reference_perplexity);
  EXPECT_GT(quality.perplexity, 1.0);
  EXPECT_EQ(quality.agreement, 1.0);
  EXPECT_NEAR(quality.divergence, 0.0, 1e-6);
}

TEST(QualityTest, OfAnotherModelIsNot) {
  TableModel reference(kOptions, RandomLogits({.seed = 1, .shared_scale = 3.0}));
  TableModel model(kOptions, RandomLogits({.seed = 2, .shared_scale = 3.0}));
  const auto qualities = MeasureQuality(reference, model, Texts());
  ASSERT_TRUE(qualities.ok()) << qualities.status();
  EXPECT_LT(qualities->front().agreement, 0.5);
  EXPECT_GT(qualities->front().divergence, 0.1);
  EXPECT_NE(qualities->front().perplexity, qualities->front().reference_perplexity);
}

TEST(QualityTest, NeedsATextOfTwoTokens) {
  TableModel reference(kOptions, RandomLogits({})), model(kOptions, RandomLogits({}));
  EXPECT_EQ(MeasureQuality(reference, model, {{.name = "short", .prompts = {{.ids = {3}}}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace pass::bench
