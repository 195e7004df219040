#include "core/text/piece_splitter.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Split(PreTokenizer pre_tokenizer, std::string_view text) {
  const auto splitter = PieceSplitter::Create(pre_tokenizer);
  EXPECT_TRUE(splitter.ok()) << splitter.status();
  std::vector<std::string> pieces;
  const absl::Status status =
      splitter->Split(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
  EXPECT_TRUE(status.ok()) << status;
  return pieces;
}

TEST(PieceSplitter, CutsAsGpt2Does) {
  EXPECT_THAT(Split(PreTokenizer::kGpt2, "I'm 123 ok!?  \n x"),
              ElementsAre("I", "'m", " 123", " ok", "!?", "  \n", " x"));
  EXPECT_THAT(Split(PreTokenizer::kGpt2, "I'M"), ElementsAre("I", "'", "M"));
}

TEST(PieceSplitter, CutsNumbersOneByOneAsSmolLmDoes) {
  EXPECT_THAT(Split(PreTokenizer::kSmolLm, "a 12b"), ElementsAre("a", " ", "1", "2", "b"));
  // The text before a number ends there: its white space stays in one piece, unlike before a letter.
  EXPECT_THAT(Split(PreTokenizer::kSmolLm, "a   1   b"), ElementsAre("a", "   ", "1", "  ", " b"));
  EXPECT_THAT(Split(PreTokenizer::kSmolLm, "\xC2\xBD\xE2\x85\xA7"), ElementsAre("\xC2\xBD", "\xE2\x85\xA7"));
}

TEST(PieceSplitter, CutsAsLlama3Does) {
  EXPECT_THAT(Split(PreTokenizer::kLlama3, "I'M (ok)1234\n\n  x"),
              ElementsAre("I", "'M", " (", "ok", ")", "123", "4", "\n\n", " ", " x"));
  EXPECT_THAT(Split(PreTokenizer::kLlama3, "'\xC5\xBFx"),
              ElementsAre("'\xC5\xBF", "x"));  // the long s folds to s
}

TEST(PieceSplitter, KnowsUnicodesWhiteSpaceAndNoOther) {
  for (const PreTokenizer pre : {PreTokenizer::kGpt2, PreTokenizer::kSmolLm, PreTokenizer::kLlama3}) {
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

}  // namespace
}  // namespace pass
