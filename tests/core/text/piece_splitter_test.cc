#include "core/text/piece_splitter.h"

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/text/pre_tokenizers.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Split(std::vector<SplitStep> steps, std::string_view text) {
  const auto splitter = PieceSplitter::Create(std::move(steps));
  EXPECT_TRUE(splitter.ok()) << splitter.status();
  std::vector<std::string> pieces;
  const absl::Status status =
      splitter->Split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_TRUE(status.ok()) << status;
  return pieces;
}

std::vector<std::string> Split(const char* family, std::string_view text) {
  const auto found = FindPreTokenizer(family);
  EXPECT_TRUE(found.ok()) << found.status();
  return Split(found->splits, text);
}

TEST(PieceSplitter, CutsAsGpt2Does) {
  EXPECT_THAT(Split("gpt-2", "I'm 123 ok!?  \n x"),
              ElementsAre("I", "'m", " 123", " ok", "!?", "  \n", " x"));
  EXPECT_THAT(Split("gpt-2", "I'M"), ElementsAre("I", "'", "M"));
}

TEST(PieceSplitter, CutsNumbersOneByOneAsSmolLmDoes) {
  EXPECT_THAT(Split("smollm", "a 12b"), ElementsAre("a", " ", "1", "2", "b"));
  // The text before a number ends there: its white space stays in one piece, unlike before a letter.
  EXPECT_THAT(Split("smollm", "a   1   b"), ElementsAre("a", "   ", "1", "  ", " b"));
  EXPECT_THAT(Split("smollm", "\xC2\xBD\xE2\x85\xA7"), ElementsAre("\xC2\xBD", "\xE2\x85\xA7"));
}

TEST(PieceSplitter, CutsAsLlama3Does) {
  EXPECT_THAT(Split("llama-bpe", "I'M (ok)1234\n\n  x"),
              ElementsAre("I", "'M", " (", "ok", ")", "123", "4", "\n\n", " ", " x"));
  EXPECT_THAT(Split("llama-bpe", "'\xC5\xBFx"), ElementsAre("'\xC5\xBF", "x"));  // the long s folds to s
}

TEST(PieceSplitter, KnowsUnicodesWhiteSpaceAndNoOther) {
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "gpt-4o"}) {
    for (const char* space :
         {"\t", "\v", "\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\xA8", "\xE3\x80\x80"}) {
      EXPECT_THAT(Split(pre, std::string("!") + space + "!"), ElementsAre("!", space, "!")) << space;
    }
    for (const char* other :
         {"\xE1\xA0\x8E", "\x1C", "\xE2\x80\x8B"}) {  // U+180E, a separator, zero width space
      const std::string text = std::string("!") + other + "!";
      EXPECT_THAT(Split(pre, text), ElementsAre(text));
    }
  }
}

TEST(PieceSplitter, CutsAsQwen2TekkenAndDeepSeekDo) {
  EXPECT_THAT(Split("qwen2", "ab 12\n"), ElementsAre("ab", " ", "1", "2", "\n"));
  EXPECT_THAT(Split("tekken", "HelloWORLDfoo it's 12"),
              ElementsAre("Hello", "WORLDfoo", " it", "'s", " ", "1", "2"));
  EXPECT_THAT(Split("gpt-4o", "it's"), ElementsAre("it's"));
  EXPECT_THAT(Split("deepseek-v3", "x1234\xE6\x97\xA5\xE6\x9C\xACy"),
              ElementsAre("x", "123", "4", "\xE6\x97\xA5\xE6\x9C\xAC", "y"));
}

TEST(PieceSplitter, TreatsAMatchAsTheStepSays) {
  const auto split = [](SplitStep::Behavior behavior, bool invert) {
    return Split({{.pattern = "-", .is_expression = false, .behavior = behavior, .invert = invert}}, "-a--b");
  };
  EXPECT_THAT(split(SplitStep::Behavior::kIsolated, false), ElementsAre("-", "a", "-", "-", "b"));
  EXPECT_THAT(split(SplitStep::Behavior::kRemoved, false), ElementsAre("a", "b"));
  EXPECT_THAT(split(SplitStep::Behavior::kRemoved, true), ElementsAre("-", "-", "-"));
  EXPECT_THAT(split(SplitStep::Behavior::kMergedWithPrevious, false), ElementsAre("-", "a-", "-", "b"));
  EXPECT_THAT(split(SplitStep::Behavior::kMergedWithNext, false), ElementsAre("-a", "-", "-b"));
}

TEST(PieceSplitter, RefusesExpressionsThatItsEngineReadsOtherwise) {
  for (const char* expression :
       {R"([\p{L}&&[^x]]+)", R"([a[b]])", R"(\w+)", "^a", "a$", "a.", "(?<n>a)", "(?s:a)", R"([\S])",
        "a{1,2}+", "a{,2}", R"(\p)", R"(\bx)", "[a", "a\\", "(a", "*"}) {
    const auto splitter = PieceSplitter::Create({{.pattern = expression}});
    EXPECT_TRUE(absl::IsInvalidArgument(splitter.status())) << expression;
  }
  EXPECT_FALSE(PieceSplitter::Create({{.pattern = ""}}).ok());
}

}  // namespace
}  // namespace pass
