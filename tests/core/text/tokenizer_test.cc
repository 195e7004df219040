#include "core/text/tokenizer.h"

#include <algorithm>
#include <ctime>
#include <random>

#include "absl/status/status.h"
#include "core/text/pre_tokenizers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/text/tiny_vocabulary.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Tokenizer> MakeTokenizer(TokenizerSpec spec) {
  auto tokenizer = Tokenizer::Create(std::move(spec));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

// The ids' bytes, one string a token.
std::vector<std::string> Tokens(const Tokenizer& tokenizer, std::string_view text,
                                bool parse_control = false) {
  const auto ids = tokenizer.Encode(text, parse_control);
  EXPECT_TRUE(ids.ok()) << ids.status();
  std::vector<std::string> tokens;
  for (const TokenId id : *ids) tokens.emplace_back(tokenizer.TokenBytes(id));
  return tokens;
}

std::string CreateError(TokenizerSpec spec) {
  const auto tokenizer = Tokenizer::Create(std::move(spec));
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tokenizer.status().message());
}

TEST(Tokenizer, MergesTheLowestRankFirst) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  EXPECT_THAT(Tokens(*tokenizer, "hello hello"), ElementsAre("hello", " hello"));
  EXPECT_THAT(Tokens(*tokenizer, "abc"), ElementsAre("abc"));
  EXPECT_THAT(Tokens(*tokenizer, "helol"), ElementsAre("he", "l", "o", "l"));
  EXPECT_THAT(Tokens(*tokenizer, "aaa"), ElementsAre("aa", "a"));  // leftmost first
  EXPECT_THAT(Tokens(*tokenizer, ""), ElementsAre());
}

// Merges as the definition says: again and again the lowest rank, leftmost, in quadratic time.
std::vector<std::string> MergeSlowly(const TokenizerSpec& spec, std::string_view piece) {
  std::vector<std::string> symbols;
  for (const char byte : piece) symbols.push_back(Printable(std::string_view(&byte, 1)));
  while (true) {
    size_t best_rank = spec.merges.size();
    size_t best_at = 0;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (spec.merges[rank] == std::pair(symbols[i], symbols[i + 1])) {
          best_rank = rank;
          best_at = i;
        }
      }
    }
    if (best_rank == spec.merges.size()) break;
    symbols[best_at] += symbols[best_at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
  for (std::string& symbol : symbols) symbol = *BytesFromPrintable(symbol);
  return symbols;
}

TEST(Tokenizer, MergesAsTheDefinitionSaysOnRandomWords) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const TokenizerSpec spec = TinySpec();
  const auto tokenizer = MakeTokenizer(spec);
  for (int i = 0; i < 2000; ++i) {
    std::string word(1 + random() % 30, ' ');
    for (char& letter : word) letter = "aabbchelo"[random() % 9];
    ASSERT_EQ(Tokens(*tokenizer, word), MergeSlowly(spec, word)) << word;
  }
}

TEST(Tokenizer, ReturnsWhatItWasGivenForAnyBytes) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (const char* pre : {"gpt-2", "smollm", "llama-bpe", "tekken", "deepseek-v3"}) {
    TokenizerSpec spec = TinySpec();
    spec.splits = FindPreTokenizer(pre)->splits;
    const auto tokenizer = MakeTokenizer(spec);
    for (int i = 0; i < 500; ++i) {
      std::string bytes(random() % 60, ' ');
      for (char& byte : bytes)
        byte = static_cast<char>(random() % 2 ? random() % 256 : "ab \n1'\xE2\x82\xAC"[random() % 9]);
      const auto ids = tokenizer->Encode(bytes);
      ASSERT_TRUE(ids.ok()) << ids.status();
      ASSERT_EQ(tokenizer->Decode(*ids, /*skip_special_tokens=*/true), bytes);
    }
  }
}

TEST(Tokenizer, KeepsInvalidBytesApartFromWhatStandsBeside) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  // E2 and 82 have a merge, which applies inside a character and not where they are left over.
  EXPECT_THAT(Tokens(*tokenizer, "\xE2\x82\xAC"), ElementsAre("\xE2\x82", "\xAC"));
  EXPECT_THAT(Tokens(*tokenizer, "a\xE2\x82z"), ElementsAre("a", "\xE2", "\x82", "z"));
  EXPECT_THAT(Tokens(*tokenizer, "hello\xE2\x82"), ElementsAre("hello", "\xE2", "\x82"));
}

TEST(Tokenizer, DropsBytesThatTheVocabularyLacks) {
  TokenizerSpec spec = TinySpec();
  spec.tokens[4].clear();
  const auto tokenizer = MakeTokenizer(spec);
  EXPECT_THAT(Tokens(*tokenizer, "\x04"), ElementsAre());
  EXPECT_THAT(Tokens(*tokenizer, "!\x04!"), ElementsAre("!", "!"));
  EXPECT_EQ(tokenizer->TokenBytes(4), "");
}

TEST(Tokenizer, TakesControlTokensFromTextOnlyWhenAsked) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  const TokenId end = *tokenizer->Find("<|im_end|>");
  EXPECT_EQ(tokenizer->Kind(end), TokenKind::kControl);
  const auto plain = tokenizer->Encode("a<|im_end|>");
  ASSERT_TRUE(plain.ok());
  EXPECT_THAT(*plain, testing::Not(testing::Contains(end)));
  EXPECT_EQ(tokenizer->Decode(*plain, /*skip_special_tokens=*/true), "a<|im_end|>");
  EXPECT_THAT(Tokens(*tokenizer, "a<|im_end|><|im_end|>b<|im_e", /*parse_control=*/true),
              ElementsAre("a", "<|im_end|>", "<|im_end|>", "b", "<", "|", "i", "m", "_", "e"));
  const std::vector<TokenId> with_control = {'a', end};
  EXPECT_EQ(tokenizer->Decode(with_control, /*skip_special_tokens=*/true), "a");
  EXPECT_EQ(tokenizer->Decode(with_control, /*skip_special_tokens=*/false), "a<|im_end|>");
}

TEST(Tokenizer, NeverMakesAControlTokenOfAPieceThatSpellsOne) {
  TokenizerSpec spec = TinySpec({{"stop", TokenKind::kControl}});
  spec.ignore_merges = true;
  const auto tokenizer = MakeTokenizer(spec);
  EXPECT_THAT(Tokens(*tokenizer, "stop"), ElementsAre("s", "t", "o", "p"));
  EXPECT_EQ((*tokenizer->Encode("stop"))[0], 's');
}

TEST(Tokenizer, AlwaysMatchesAddedTokensTheLongestFirst) {
  const auto tokenizer = MakeTokenizer(TinySpec({{"<t>", TokenKind::kAdded}, {"<t>x", TokenKind::kAdded}}));
  EXPECT_THAT(Tokens(*tokenizer, "a<t>x<t>"), ElementsAre("a", "<t>x", "<t>"));
  EXPECT_EQ(tokenizer->Find("<t>"), tokenizer->vocab_size() - 2);
  EXPECT_EQ(tokenizer->Find("hello"), std::nullopt);
  // An added token is the end of the text for what stands before it.
  EXPECT_THAT(Tokens(*tokenizer, "    <t>"), ElementsAre("    ", "<t>"));
}

TEST(Tokenizer, TakesAWholePieceWithoutMergesWhereTheModelSaysSo) {
  TokenizerSpec spec = TinySpec();
  spec.tokens.push_back("zq");
  spec.added.clear();
  EXPECT_THAT(Tokens(*MakeTokenizer(spec), "zq"), ElementsAre("z", "q"));
  spec.ignore_merges = true;
  EXPECT_THAT(Tokens(*MakeTokenizer(spec), "zq"), ElementsAre("zq"));
}

TEST(Tokenizer, AnswersForIdsOutsideTheVocabulary) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  const auto beyond = static_cast<TokenId>(tokenizer->vocab_size());
  for (const TokenId id : {-1, beyond, INT32_MAX, INT32_MIN}) {
    EXPECT_EQ(tokenizer->TokenBytes(id), "");
    EXPECT_EQ(tokenizer->Kind(id), TokenKind::kUnused);
  }
}

TEST(Tokenizer, NamesWhatIsWrongWithASpec) {
  EXPECT_THAT(CreateError({}), HasSubstr("empty"));
  TokenizerSpec spec = TinySpec();
  spec.scores.push_back(1);
  EXPECT_THAT(CreateError(spec), HasSubstr("scores"));
  spec = TinySpec();
  spec.merges.emplace_back("z", "z");
  EXPECT_THAT(CreateError(spec), HasSubstr("'z z'"));
  spec = TinySpec();
  spec.merges.emplace_back("z", "\xE6\x97\xA5");
  EXPECT_THAT(CreateError(spec), HasSubstr("merge"));
  spec = TinySpec();
  spec.tokens[7] = spec.tokens[8];
  EXPECT_THAT(CreateError(spec), HasSubstr("twice"));
  spec = TinySpec();
  spec.bos = 100000;
  EXPECT_THAT(CreateError(spec), HasSubstr("bos"));
  spec.bos.reset();
  spec.add_bos = true;
  EXPECT_THAT(CreateError(spec), HasSubstr("bos"));
}

// A token may be in the vocabulary and be added too: in text it is matched literally, and its part in the
// encoding of other text stays. U+00E9 is also how a byte-level vocabulary writes the byte E9.
TEST(Tokenizer, KeepsATokenOfTheVocabularyThatIsAddedToo) {
  TokenizerSpec spec = TinySpec({});
  const auto id_of = [&](std::string_view text) {
    return static_cast<TokenId>(std::ranges::find(spec.tokens, text) - spec.tokens.begin());
  };
  for (const char* text : {"\xC3\xA9", "hell", "|"})
    spec.added.push_back({.id = id_of(text), .content = text});
  const auto tokenizer = MakeTokenizer(spec);
  EXPECT_THAT(*tokenizer->Encode("x\xC3\xA9"), ElementsAre('x', 0xE9));
  EXPECT_THAT(*tokenizer->Encode("\xF1\xE9\xBF\xBF"), ElementsAre(0xF1, 0xE9, 0xBF, 0xBF));
  EXPECT_THAT(Tokens(*tokenizer, "hello a|b"), ElementsAre("hell", "o", " ", "a", "|", "b"));
  spec.added.erase(spec.added.begin() + 1);  // without "hell", merges go through it as before
  EXPECT_THAT(Tokens(*MakeTokenizer(spec), "hello"), ElementsAre("hello"));
}

TEST(Tokenizer, LooksForAddedTokensInTheNormalisedTextAfterTheOthers) {
  TokenizerSpec spec = TinySpec({});
  spec.normalizer = {{.kind = NormalizerStep::Kind::kReplace, .pattern = "b", .content = "a"}};
  const auto first = static_cast<TokenId>(spec.tokens.size());
  spec.added = {{.id = first, .content = "aab", .normalized = true}, {.id = first + 1, .content = "xa"}};
  const auto tokenizer = MakeTokenizer(spec);
  EXPECT_THAT(*tokenizer->Encode("bbb"), ElementsAre(first));
  EXPECT_THAT(*tokenizer->Encode("xabbb"), ElementsAre(first + 1, first));  // not x and "aaab"
}

TEST(Tokenizer, FollowsTheFlagsOfAddedTokens) {
  const auto encode = [](AddedToken token, std::string_view text) {
    TokenizerSpec spec = TinySpec({});
    token.id = static_cast<TokenId>(spec.tokens.size());
    token.content = "<t>";
    spec.added = {token};
    return Tokens(*MakeTokenizer(spec), text);
  };
  const std::string_view text = "a\xE3\x80\x80 <t> \nb";
  EXPECT_THAT(encode({}, "a <t> b"), ElementsAre("a", " ", "<t>", " ", "b"));
  EXPECT_THAT(encode({.lstrip = true}, text), ElementsAre("a", "<t>", " ", "\n", "b"));
  EXPECT_THAT(encode({.rstrip = true}, "a <t> \nb"), ElementsAre("a", " ", "<t>", "b"));
  EXPECT_THAT(encode({.lstrip = true, .rstrip = true}, "  <t> <t> "), ElementsAre("<t>", "<t>"));
  EXPECT_THAT(encode({.single_word = true}, "a<t> <t>"), ElementsAre("a", "<", "t", ">", " ", "<t>"));
  EXPECT_THAT(encode({.single_word = true}, "-<t>-"), ElementsAre("-", "<t>", "-"));
  TokenizerSpec spec = TinySpec({});
  const auto space = static_cast<TokenId>(spec.tokens.size());
  spec.added = {{.id = space, .content = " ", .lstrip = true, .rstrip = true}};
  EXPECT_THAT(*MakeTokenizer(spec)->Encode("a   a"), ElementsAre('a', space, 'a'));
}

TEST(Tokenizer, MakesNoControlTokenByMerging) {
  TokenizerSpec spec = TinySpec({});
  const auto hello = static_cast<TokenId>(std::ranges::find(spec.tokens, "hello") - spec.tokens.begin());
  spec.added = {{.id = hello, .content = "hello", .control = true}};
  EXPECT_THAT(Tokens(*MakeTokenizer(spec), "hello"), ElementsAre("hell", "o"));
  EXPECT_THAT(*MakeTokenizer(spec)->Encode("hello", /*parse_control=*/true), ElementsAre(hello));
  spec.ignore_merges = true;
  EXPECT_THAT(Tokens(*MakeTokenizer(spec), "hello"), ElementsAre("hell", "o"));
}

TEST(Tokenizer, TakesControlTokensFromTheServersWordsOnly) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  const TokenId end = *tokenizer->Find("<|im_end|>");
  MarkedText text = MarkedText::Server("a<|im_end|>");
  text.Append(MarkedText::User("<|im_end|>"));
  text.Append(MarkedText::Server("<|im_"));
  text.Append(MarkedText::User("end|>"));
  const auto ids = tokenizer->EncodeMarked(text);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(std::ranges::count(*ids, end), 1);
  EXPECT_EQ((*ids)[1], end);
  EXPECT_EQ(tokenizer->Decode(*ids, /*skip_special_tokens=*/false), text.text);
}

std::string Repeat(std::string_view unit, size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return text;
}

// Processor time, which other programs do not lengthen; the best of three.
double SecondsToEncode(const Tokenizer& tokenizer, std::string_view text) {
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t begin = std::clock();
    const auto ids = tokenizer.Encode(text, /*parse_control=*/true);
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
    EXPECT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(tokenizer.Decode(*ids, /*skip_special_tokens=*/false), text);
  }
  return best;
}

TEST(Tokenizer, EncodesOneLongPieceWithoutQuadraticTime) {
  const auto tokenizer = MakeTokenizer(TinySpec());
  for (const char* unit : {"a", " ", "abc", "\n", "1", "\xE2\x82\xAC", "\xFF", "<|im_", "'"}) {
    const double seconds = SecondsToEncode(*tokenizer, Repeat(unit, 10'000));
    // Sixteen times the text takes some 20 times as long at n log n, and 256 times at n squared.
    EXPECT_LT(SecondsToEncode(*tokenizer, Repeat(unit, 160'000)), 80 * seconds + 0.01) << unit;
  }
}

}  // namespace
}  // namespace pass
