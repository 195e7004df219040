#include "core/base/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace pass {
namespace {

// What Python's bytes.decode(errors="replace") gives, R standing for U+FFFD and a valid character for itself.
std::string Replace(std::string_view bytes) {
  std::string text;
  while (!bytes.empty()) {
    const Utf8Step step = NextUtf8(bytes);
    text += step.kind == Utf8Kind::kCharacter ? std::string(bytes.substr(0, step.length)) : "R";
    bytes.remove_prefix(step.length);
  }
  return text;
}

TEST(Utf8, ReplacesMaximalSubpartsAsUnicodeRecommends) {
  EXPECT_EQ(Replace("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z"), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
  EXPECT_EQ(Replace("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"), "RRRRRRRRA");  // Unicode 14, table 3-8
  EXPECT_EQ(Replace("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"), "RRRRRRRRA");  // table 3-9
  EXPECT_EQ(Replace("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"), "RRRRRARRB");  // table 3-10
  EXPECT_EQ(Replace("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "RRRRA");      // table 3-11
}

TEST(Utf8, TellsAnUnfinishedCharacterFromAnInvalidOne) {
  for (const std::string_view start :
       {"\xC3", "\xE2", "\xE2\x82", "\xF0", "\xF0\x9F", "\xF0\x9F\x98", "\xF4\x8F"}) {
    EXPECT_EQ(NextUtf8(start).kind, Utf8Kind::kIncomplete);
    EXPECT_EQ(NextUtf8(start).length, start.size());
    EXPECT_EQ(NextUtf8(std::string(start) + "a").kind, Utf8Kind::kInvalid);
    EXPECT_EQ(NextUtf8(std::string(start) + "a").length, start.size());
  }
  for (const std::string_view never :
       {"\x80", "\xC1", "\xE0\x9F", "\xED\xA0", "\xF0\x8F", "\xF4\x90", "\xF5", "\xFF"}) {
    EXPECT_EQ(NextUtf8(never).kind, Utf8Kind::kInvalid);
    EXPECT_EQ(NextUtf8(never).length, 1u);
  }
}

TEST(Utf8, MeasuresTheValidPrefix) {
  EXPECT_EQ(ValidUtf8Prefix(""), 0u);
  EXPECT_EQ(ValidUtf8Prefix("a\xC3\xA9"), 3u);
  EXPECT_EQ(ValidUtf8Prefix("a\xC3\xA9\xE2\x82"), 3u);
  EXPECT_EQ(ValidUtf8Prefix("a\xFF z"), 1u);
}

TEST(Utf8, ReplacesWhatIsNoCharacterAndNothingElse) {
  EXPECT_EQ(ReplaceInvalidUtf8(""), "");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xC3\xA9"), "a\xC3\xA9");
  EXPECT_EQ(ReplaceInvalidUtf8("Mod\xE8le \xE2\x82"), "Mod\xEF\xBF\xBDle \xEF\xBF\xBD");
}

}  // namespace
}  // namespace pass
