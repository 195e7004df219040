#include "core/text/stream_decoder.h"

#include <random>

#include "core/base/utf8.h"
#include "gtest/gtest.h"
#include "tests/core/text/tiny_vocabulary.h"

namespace pass {
namespace {

const Tokenizer& TinyTokenizer() {
  static const Tokenizer* const kTokenizer = Tokenizer::Create(TinySpec())->release();
  return *kTokenizer;
}

// Pushes the bytes one by one (ids 0 to 255 are the bytes) and returns the deltas.
std::vector<std::string> PushBytes(StreamDecoder* decoder, std::string_view bytes) {
  std::vector<std::string> deltas;
  for (const char byte : bytes) deltas.push_back(decoder->Push(static_cast<uint8_t>(byte)).text);
  return deltas;
}

using Deltas = std::vector<std::string>;

TEST(StreamDecoder, HoldsBackHalfACharacter) {
  StreamDecoder decoder(&TinyTokenizer(), {});
  EXPECT_EQ(PushBytes(&decoder, "a\xE2\x82\xAC"), (Deltas{"a", "", "", "\xE2\x82\xAC"}));
  EXPECT_EQ(decoder.Flush(), "");
}

TEST(StreamDecoder, ReplacesWhatCanNeverBecomeACharacter) {
  StreamDecoder decoder(&TinyTokenizer(), {});
  EXPECT_EQ(PushBytes(&decoder, "\xE2\x82z\xFF"), (Deltas{"", "", "\xEF\xBF\xBDz", "\xEF\xBF\xBD"}));
  EXPECT_EQ(PushBytes(&decoder, "\xF0\x9F"), (Deltas{"", ""}));
  EXPECT_EQ(decoder.Flush(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.Flush(), "");
}

TEST(StreamDecoder, HoldsBackThePossibleStartOfAStopString) {
  StreamDecoder decoder(&TinyTokenizer(), {.stop = {"aab"}});
  EXPECT_EQ(PushBytes(&decoder, "xaaac"), (Deltas{"x", "", "", "a", "aac"}));
  EXPECT_EQ(PushBytes(&decoder, "aa"), (Deltas{"", ""}));
  EXPECT_EQ(decoder.Flush(), "aa");
}

TEST(StreamDecoder, CutsAtTheStopStringInsideAToken) {
  StreamDecoder decoder(&TinyTokenizer(), {.stop = {"ll"}});
  const auto delta = decoder.Push((*TinyTokenizer().Encode("hello"))[0]);
  EXPECT_EQ(delta.text, "he");
  EXPECT_EQ(delta.matched_stop, "ll");
  EXPECT_EQ(decoder.Push('x').text, "");
  EXPECT_EQ(decoder.Flush(), "");
}

TEST(StreamDecoder, KeepsTheStopStringWhenAsked) {
  StreamDecoder decoder(&TinyTokenizer(), {.stop = {"ll"}, .include_stop = true});
  EXPECT_EQ(decoder.Push((*TinyTokenizer().Encode("hello"))[0]).text, "hell");
}

TEST(StreamDecoder, EndsAtTheFirstCompleteStopStringTheLongestOnTies) {
  StreamDecoder first(&TinyTokenizer(), {.stop = {"abcd", "bc"}});
  EXPECT_EQ(PushBytes(&first, "xabcd"), (Deltas{"x", "", "", "a", ""}));
  StreamDecoder longest(&TinyTokenizer(), {.stop = {"c", "bc", "abc"}});
  EXPECT_EQ(PushBytes(&longest, "xab"), (Deltas{"x", "", ""}));
  const auto delta = longest.Push('c');
  EXPECT_EQ(delta.text, "");
  EXPECT_EQ(delta.matched_stop, "abc");
}

TEST(StreamDecoder, GivesNoTextForControlTokensUnlessAsked) {
  const TokenId end = *TinyTokenizer().Find("<|im_end|>");
  StreamDecoder silent(&TinyTokenizer(), {});
  EXPECT_EQ(silent.Push(end).text, "");
  StreamDecoder verbose(&TinyTokenizer(), {.skip_special_tokens = false});
  EXPECT_EQ(verbose.Push(end).text, "<|im_end|>");
}

TEST(StreamDecoder, IgnoresStopStringsThatCannotMatch) {
  StreamDecoder decoder(&TinyTokenizer(), {.stop = {"", "\x82\xAC", "\xE2"}});
  EXPECT_EQ(PushBytes(&decoder, "a\xE2\x82\xAC"), (Deltas{"a", "", "", "\xE2\x82\xAC"}));
}

// The text up to the stop string that is complete first, found by looking at every end.
std::string CutAtStop(const std::string& text, const StreamDecoderOptions& options, std::string* matched) {
  for (size_t end = 0; end <= text.size(); ++end) {
    for (const std::string& stop : options.stop) {
      if (!std::string_view(text).substr(0, end).ends_with(stop)) continue;
      if (stop.size() > matched->size()) *matched = stop;
    }
    if (!matched->empty()) return text.substr(0, options.include_stop ? end : end - matched->size());
  }
  return text;
}

// A piece of a text over a small alphabet, so that stop strings match, overlap and almost match often.
std::string RandomText(std::mt19937* random, size_t max_characters) {
  static constexpr const char* kCharacters[] = {"a", "b", "c", "\xC3\xA9", "\xE2\x82\xAC", "\xEF\xBF\xBD"};
  std::string text;
  for (size_t i = (*random)() % max_characters + 1; i > 0; --i) text += kCharacters[(*random)() % 6];
  return text;
}

std::vector<TokenId> RandomTokens(std::mt19937* random) {
  std::vector<TokenId> tokens;
  for (size_t i = (*random)() % 40; i > 0; --i) {
    switch ((*random)() % 4) {
      case 0:  // any token, control tokens included
        tokens.push_back(
            static_cast<TokenId>((*random)() % static_cast<size_t>(TinyTokenizer().vocab_size())));
        break;
      case 1:  // bytes of whole characters
        for (const char byte : RandomText(random, 3)) tokens.push_back(static_cast<uint8_t>(byte));
        break;
      case 2:  // bytes that often stand alone
        tokens.push_back(static_cast<uint8_t>("\xC3\xA9\xE2\x82\xAC\xF0\x9F\xFF"[(*random)() % 8]));
        break;
      default:
        const auto ids = TinyTokenizer().Encode(RandomText(random, 6));
        tokens.insert(tokens.end(), ids->begin(), ids->end());
    }
  }
  return tokens;
}

TEST(StreamDecoder, EqualsDecodingAtOnceAndCuttingForRandomTokens) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  int num_matched = 0;
  for (int i = 0; i < 20'000; ++i) {
    StreamDecoderOptions options{.include_stop = random() % 2 == 0, .skip_special_tokens = random() % 2 == 0};
    for (size_t n = random() % 4; n > 0; --n) options.stop.push_back(RandomText(&random, 5));
    const std::vector<TokenId> tokens = RandomTokens(&random);
    std::string matched;
    const std::string expected = CutAtStop(
        ReplaceInvalidUtf8(TinyTokenizer().Decode(tokens, options.skip_special_tokens)), options, &matched);

    StreamDecoder decoder(&TinyTokenizer(), options);
    std::string text;
    std::string got_matched;
    for (const TokenId token : tokens) {
      const StreamDecoder::Delta delta = decoder.Push(token);
      ASSERT_EQ(ValidUtf8Prefix(delta.text), delta.text.size());
      text += delta.text;
      ASSERT_TRUE(expected.starts_with(text)) << "a delta shows what a stop string takes away";
      if (!delta.matched_stop) continue;
      got_matched = *delta.matched_stop;
      ++num_matched;
      break;
    }
    if (got_matched.empty()) text += decoder.Flush();
    ASSERT_EQ(text, expected);
    // A character that is left over at the very end may complete a stop string; Flush cuts there and has no
    // match to tell.
    if (!got_matched.empty()) {
      ASSERT_EQ(got_matched, matched);
    }
  }
  EXPECT_GT(num_matched, 1000);
}

}  // namespace
}  // namespace pass
