#include "core/text/normalizer.h"

#include "gtest/gtest.h"

namespace pass {
namespace {

using Kind = NormalizerStep::Kind;

std::string Compose(std::string_view text) { return Normalizer({{.kind = Kind::kNfc}}).Apply(text); }

TEST(Normalizer, ComposesCharacters) {
  EXPECT_EQ(Compose("plain \xC3\xA9"), "plain \xC3\xA9");
  EXPECT_EQ(Compose("e\xCC\x81"), "\xC3\xA9");
  EXPECT_EQ(Compose("xe\xCC\x81y e\xCC\x81"), "x\xC3\xA9y \xC3\xA9");
  EXPECT_EQ(Compose("\xCC\x81"), "\xCC\x81");
  EXPECT_EQ(Compose("\xE1\x84\x80\xE1\x85\xA1"), "\xEA\xB0\x80");   // Hangul
  EXPECT_EQ(Compose("a\xCC\x81\xCC\xA3"), "\xE1\xBA\xA1\xCC\x81");  // marks in canonical order
  EXPECT_EQ(Compose("\xFF"
                    "e\xCC\x81\xE2\x82"),
            "\xFF\xC3\xA9\xE2\x82");  // other bytes stay
  EXPECT_EQ(Compose("\xFF\xCC\x81"), "\xFF\xCC\x81");
}

TEST(Normalizer, ReplacesAndPrepends) {
  const Normalizer normalizer(
      {{.kind = Kind::kPrepend, .content = "_"}, {.kind = Kind::kReplace, .pattern = " ", .content = "__"}});
  EXPECT_EQ(normalizer.Apply(" a b"), "___a__b");
  EXPECT_EQ(normalizer.Apply(""), "");
}

TEST(Normalizer, GivesNewBytesToTheServerOnlyWhereItWroteAllThatTheyWereMadeOf) {
  const Normalizer compose({{.kind = Kind::kNfc}});
  EXPECT_EQ(compose.Apply("e\xCC\x81", "SSS").marks, "SS");
  EXPECT_EQ(compose.Apply("e\xCC\x81", "SUU").marks, "UU");
  EXPECT_EQ(compose.Apply("a\xCC\x82z", "SUUS").marks, "UUS");
  const Normalizer replace(
      {{.kind = Kind::kPrepend, .content = "_"}, {.kind = Kind::kReplace, .pattern = " ", .content = "__"}});
  EXPECT_EQ(replace.Apply("a b", "SUS").marks, "SSUUS");
  EXPECT_EQ(replace.Apply("a b", "SUS").text, "_a__b");
}

}  // namespace
}  // namespace pass
