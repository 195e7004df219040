#include "client/visible_text.h"

#include <gtest/gtest.h>

#include <string>

namespace pass {
namespace {

TEST(VisibleText, ShowsControlCharactersAsPicturesAndKeepsLineFeedAndTab) {
  EXPECT_EQ(Visible("a\x1b[2J\x1b]0;owned\a"), "a␛[2J␛]0;owned␇");
  EXPECT_EQ(Visible(std::string("one\r\n\ttwo\b\x7f\0", 12)), "one␍\n\ttwo␈␡␀");
}

TEST(VisibleText, ShowsC1ControlsAndReorderingMarksByNumber) {
  EXPECT_EQ(Visible("\xc2\x9b"
                    "31m\xc2\x80\xc2\x9f"),
            "<U+009B>31m<U+0080><U+009F>");
  EXPECT_EQ(Visible("\u202e\u2066x\u2069"), "<U+202E><U+2066>x<U+2069>");
}

TEST(VisibleText, LeavesEveryOtherCharacterAlone) {
  const std::string text = "Grüße, \u00a0→ 日本 👩\u200d🚒 \U0010ffff \ud7ff \ue000";
  EXPECT_EQ(Visible(text), text);
}

TEST(VisibleText, ReplacesBytesThatAreNoUtf8OneByOne) {
  EXPECT_EQ(Visible("a\x9b"
                    "b"),
            "a\ufffdb");
  EXPECT_EQ(Visible("\xc0\x9b"), "\ufffd\ufffd");            // an overlong ESC
  EXPECT_EQ(Visible("\xe0\x82\x9b"), "\ufffd\ufffd\ufffd");  // an overlong U+009B
  EXPECT_EQ(Visible("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");  // a surrogate
  EXPECT_EQ(Visible("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(Visible("\xe2\x80"), "\ufffd\ufffd");       // cut short at the end
  EXPECT_EQ(Visible("\xe2\x80\x1b"), "\ufffd\ufffd␛");  // a control where a byte is missing
}

TEST(VisibleText, IsTheSameWhereverTheChunksAreCut) {
  const std::string text = "a\x1b[0m é \xc2\x9b \u202e 👩 \xff\xe2\x80 b\xf0\x9f";
  const std::string whole = Visible(text);
  for (size_t first = 0; first <= text.size(); ++first) {
    for (size_t second = first; second <= text.size(); ++second) {
      VisibleText chunks;
      std::string visible = chunks.Add(text.substr(0, first));
      visible += chunks.Add(text.substr(first, second - first));
      visible += chunks.Add(text.substr(second));
      visible += chunks.End();
      ASSERT_EQ(visible, whole) << first << ' ' << second;
    }
  }
}

TEST(VisibleText, WaitsForTheRestOfACharacterAndForNothingElse) {
  VisibleText text;
  EXPECT_EQ(text.Add("a\xc3"), "a");
  EXPECT_EQ(text.Add("\xa9z"), "éz");
  EXPECT_EQ(text.End(), "");
}

}  // namespace
}  // namespace pass
