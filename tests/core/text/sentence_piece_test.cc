// Vocabularies of characters with bytes behind them, by merges and by scores.
#include <string>

#include "absl/status/status.h"
#include "core/text/byte_token.h"
#include "core/text/stream_decoder.h"
#include "core/text/tokenizer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

#define MARK "\xE2\x96\x81"

// 0 <s>, then the bytes, then these pieces; scores as SentencePiece gives them, the first piece the best.
TokenizerSpec Spec(bool scored) {
  TokenizerSpec spec;
  spec.alphabet = Alphabet::kCharacters;
  spec.tokens = {""};
  spec.added = {{.id = 0, .content = "<s>", .special = true, .control = true}};
  for (int byte = 0; byte < 256; ++byte) spec.tokens.push_back(ByteToken(static_cast<uint8_t>(byte)));
  for (const char* piece :
       {"ab", MARK "a", "abc", MARK "abc", "<s", MARK, "a", "b", "c", "<", "s", ">", "\xC3\xA9"}) {
    spec.tokens.emplace_back(piece);
  }
  spec.normalizer = {{.kind = NormalizerStep::Kind::kPrepend, .content = MARK},
                     {.kind = NormalizerStep::Kind::kReplace, .pattern = " ", .content = MARK}};
  spec.strips_first_space = true;
  if (scored) {
    for (size_t i = 0; i < spec.tokens.size(); ++i) spec.scores.push_back(-static_cast<float>(i));
  } else {
    spec.merges = {{"a", "b"}, {MARK, "a"}, {"ab", "c"}, {MARK, "abc"}, {"<", "s"}};
  }
  return spec;
}

std::vector<std::string> Tokens(const Tokenizer& tokenizer, std::string_view text) {
  const auto ids = tokenizer.Encode(text);
  EXPECT_TRUE(ids.ok()) << ids.status();
  std::vector<std::string> tokens;
  for (const TokenId id : *ids) tokens.emplace_back(tokenizer.TokenBytes(id));
  return tokens;
}

class SentencePiece : public testing::TestWithParam<bool> {};

TEST_P(SentencePiece, MergesTheBestPairFirstAndMarksTheBeginning) {
  const auto tokenizer = *Tokenizer::Create(Spec(GetParam()));
  EXPECT_THAT(Tokens(*tokenizer, "abc"), ElementsAre(" abc"));
  EXPECT_THAT(Tokens(*tokenizer, " a  b"), ElementsAre(" ", " a", " ", " ", "b"));
  EXPECT_THAT(Tokens(*tokenizer, ""), ElementsAre());
  const auto ids = tokenizer->Encode("abc a");
  EXPECT_EQ(tokenizer->Decode(*ids, /*skip_special_tokens=*/true), "abc a");
  EXPECT_EQ(tokenizer->Decode(*ids, /*skip_special_tokens=*/true, /*continues=*/true), " abc a");
}

TEST_P(SentencePiece, SpellsWhatItDoesNotKnowInBytes) {
  const auto tokenizer = *Tokenizer::Create(Spec(GetParam()));
  EXPECT_THAT(Tokens(*tokenizer, "\xC3\xA9\xE2\x82\xAC\n"),
              ElementsAre(" ", "\xC3\xA9", "\xE2", "\x82", "\xAC", "\n"));
  EXPECT_THAT(Tokens(*tokenizer, "a\xFF"), ElementsAre(" a", "\xFF"));  // not UTF-8
  EXPECT_THAT(Tokens(*tokenizer, "<0x0A>"), testing::Not(testing::Contains("\n")));
}

TEST_P(SentencePiece, NeverSplitsACharacterOfBytesInAStream) {
  const auto tokenizer = *Tokenizer::Create(Spec(GetParam()));
  StreamDecoder decoder(tokenizer.get(), {});
  std::vector<std::string> deltas;
  const auto ids = tokenizer->Encode("a\xE2\x82\xAC");
  for (const TokenId id : *ids) deltas.push_back(decoder.Push(id).text);
  EXPECT_THAT(deltas, ElementsAre(" a", "", "", "\xE2\x82\xAC"));
}

TEST_P(SentencePiece, MakesNoControlTokenByMerging) {
  TokenizerSpec spec = Spec(GetParam());
  spec.tokens[0] = "<s>";
  if (!GetParam()) spec.merges.emplace_back("<s", ">");
  const auto tokenizer = *Tokenizer::Create(spec);
  EXPECT_THAT(*tokenizer->Encode("<s>"), testing::Not(testing::Contains(0)));
  EXPECT_THAT(*tokenizer->Encode("<s>", /*parse_control=*/true), ElementsAre(0));
}

INSTANTIATE_TEST_SUITE_P(MergesAndScores, SentencePiece, testing::Bool());

TEST(SentencePiece, PutsTheMarkWhereTheModelSays) {
  TokenizerSpec spec = Spec(/*scored=*/false);
  spec.normalizer.clear();
  spec.word_marks = WordMarks{.where = WordMarks::Where::kAtTheStart};
  auto tokenizer = *Tokenizer::Create(spec);
  const auto encode = [&](std::string_view text) { return *tokenizer->Encode(text, /*parse_control=*/true); };
  EXPECT_THAT(Tokens(*tokenizer, "a b"), ElementsAre(" a", " ", "b"));
  EXPECT_THAT(Tokens(*tokenizer, " a"), ElementsAre(" a"));  // it is there already
  EXPECT_EQ(encode("<s>a").size(), 2);                       // not behind a token
  EXPECT_EQ(tokenizer->TokenBytes(encode("<s>a")[1]), "a");
  spec.word_marks->where = WordMarks::Where::kEverywhere;
  tokenizer = *Tokenizer::Create(spec);
  EXPECT_EQ(tokenizer->TokenBytes(encode("<s>a")[1]), " a");
  spec.word_marks = WordMarks{.where = WordMarks::Where::kNowhere, .split = true};
  spec.merges.insert(spec.merges.begin(), {"c", MARK});
  spec.tokens.push_back("c" MARK);
  tokenizer = *Tokenizer::Create(spec);
  EXPECT_THAT(Tokens(*tokenizer, "c c"), ElementsAre("c", " ", "c"));  // no merge across words
}

TEST(SentencePiece, RefusesAVocabularyWithoutBytes) {
  TokenizerSpec spec = Spec(/*scored=*/false);
  spec.tokens[66].clear();
  EXPECT_THAT(std::string(Tokenizer::Create(spec).status().message()), HasSubstr("<0x41>"));
}

}  // namespace
}  // namespace pass
