// The header and metadata of GGUF files; tensors are in gguf_tensors_test.cc.
#include "core/files/gguf.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using testing::ElementsAre;

absl::StatusOr<std::unique_ptr<GgufFile>> Parse(const std::string& bytes) {
  return GgufFile::FromBytes("a.gguf", std::as_bytes(std::span(bytes)));
}

absl::Status ParseStatus(const GgufBuilder& builder) { return Parse(builder.Build()).status(); }

TEST(GgufMetadata, GivesEachTypeByItsKey) {
  GgufBuilder builder;
  builder.AddString("s", "text");
  builder.AddUint32("u", 7);
  builder.AddValue("u8", 0, Encoded(uint8_t{200}));
  builder.AddValue("i64", 11, Encoded(int64_t{5}));
  builder.AddFloat32("f", 0.5f);
  builder.AddValue("d", 12, Encoded(0.1));
  builder.AddBool("b", true);
  builder.AddStrings("ss", {"a", "", "ccc"});
  builder.AddInts("ii", {1, -2});
  builder.AddArray("uu", 4, 2, Encoded(uint32_t{3}) + Encoded(uint32_t{4}));
  const std::string bytes = builder.Build();
  const auto file = Parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const GgufFile& gguf = **file;
  EXPECT_EQ(gguf.FindString("s").value(), "text");
  EXPECT_EQ(gguf.FindUint("u").value(), 7u);
  EXPECT_EQ(gguf.FindUint("u8").value(), 200u);
  EXPECT_EQ(gguf.FindUint("i64").value(), 5u);
  EXPECT_EQ(gguf.FindDouble("f").value(), 0.5);
  EXPECT_EQ(gguf.FindDouble("d").value(), 0.1);
  EXPECT_EQ(gguf.FindBool("b").value(), true);
  EXPECT_THAT(gguf.FindStrings("ss").value().value(), ElementsAre("a", "", "ccc"));
  EXPECT_THAT(gguf.FindInts("ii").value().value(), ElementsAre(1, -2));
  EXPECT_THAT(gguf.FindInts("uu").value().value(), ElementsAre(3, 4));
}

TEST(GgufMetadata, IsAbsentWithoutAnErrorForAMissingKey) {
  const std::string bytes = GgufBuilder().Build();
  const auto file = Parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->FindString("x").value(), std::nullopt);
  EXPECT_EQ((*file)->FindUint("x").value(), std::nullopt);
  EXPECT_EQ((*file)->FindDouble("x").value(), std::nullopt);
  EXPECT_EQ((*file)->FindBool("x").value(), std::nullopt);
  EXPECT_EQ((*file)->FindStrings("x").value(), std::nullopt);
  EXPECT_EQ((*file)->FindInts("x").value(), std::nullopt);
  EXPECT_FALSE((*file)->Has("x"));
}

TEST(GgufMetadata, NamesAKeyOfAnotherType) {
  GgufBuilder builder;
  builder.AddString("s", "text");
  builder.AddStrings("ss", {"a"});
  builder.AddValue("negative", 5, Encoded(int32_t{-1}));
  builder.AddArray("wide", 4, 1, Encoded(uint32_t{0x80000000}));
  const std::string bytes = builder.Build();
  const auto file = Parse(bytes);
  ASSERT_TRUE(file.ok()) << file.status();
  const GgufFile& gguf = **file;
  ExpectInvalid(gguf.FindString("ss").status(), {"a.gguf", "'ss'", "array of string", "not a string"});
  ExpectInvalid(gguf.FindUint("s").status(), {"'s'", "of type string", "unsigned integer"});
  ExpectInvalid(gguf.FindUint("negative").status(), {"'negative'", "negative"});
  ExpectInvalid(gguf.FindDouble("s").status(), {"'s'", "floating-point"});
  ExpectInvalid(gguf.FindBool("s").status(), {"'s'", "bool"});
  ExpectInvalid(gguf.FindStrings("s").status(), {"'s'", "array of strings"});
  ExpectInvalid(gguf.FindInts("ss").status(), {"'ss'", "array of 32-bit integers"});
  ExpectInvalid(gguf.FindInts("wide").status(), {"'wide'", "below 2^31"});
}

TEST(GgufHeader, IsReadFromAFileOfVersionTwoOrThree) {
  const TemporaryFolder folder;
  for (const uint32_t version : {2u, 3u}) {
    GgufBuilder builder;
    builder.version = version;
    const auto file = GgufFile::Open(folder.Write("a.gguf", builder.Build()));
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->version(), version);
  }
}

TEST(GgufHeader, RefusesAnotherMagicOrVersion) {
  GgufBuilder builder;
  builder.magic = "GGML";
  ExpectInvalid(ParseStatus(builder), {"a.gguf", "not a GGUF file"});
  builder.magic = "GGUF";
  builder.version = 1;
  ExpectInvalid(ParseStatus(builder), {"version 1"});
  builder.version = 0x03000000;  // 3, big-endian
  ExpectInvalid(ParseStatus(builder), {"little-endian"});
}

TEST(GgufHeader, RefusesAbsurdCountsBeforeItAllocates) {
  for (const uint64_t count : {uint64_t{1} << 17, std::numeric_limits<uint64_t>::max()}) {
    GgufBuilder tensors;
    tensors.num_tensors = count;
    ExpectInvalid(ParseStatus(tensors), {"a.gguf", std::to_string(count), "tensors, at most"});
    GgufBuilder keys;
    keys.num_keys = count;
    ExpectInvalid(ParseStatus(keys), {"a.gguf", std::to_string(count), "keys, at most"});
  }
  GgufBuilder more_than_there_are;
  more_than_there_are.num_tensors = 60000;
  ExpectInvalid(ParseStatus(more_than_there_are), {"ends inside the list of 60000 tensors"});
}

TEST(GgufMetadata, RefusesADuplicateKey) {
  GgufBuilder builder;
  builder.AddUint32("a.key", 1);
  builder.AddString("a.key", "x");
  ExpectInvalid(ParseStatus(builder), {"a.gguf", "'a.key'", "twice"});
}

TEST(GgufMetadata, RefusesAnEmptyOrOverlongKey) {
  GgufBuilder empty;
  empty.AddUint32("", 1);
  ExpectInvalid(ParseStatus(empty), {"key 0 has 0 bytes"});
  GgufBuilder overlong;
  overlong.AddUint32(std::string(70000, 'k'), 1);
  ExpectInvalid(ParseStatus(overlong), {"key 0 has 70000 bytes"});
}

TEST(GgufMetadata, RefusesUnknownTypesAndNestedArrays) {
  GgufBuilder unknown;
  unknown.AddValue("k", 13, "abcd");
  ExpectInvalid(ParseStatus(unknown), {"'k'", "a value of type number 13"});
  GgufBuilder elements;
  elements.AddArray("k", 77, 1, "abcd");
  ExpectInvalid(ParseStatus(elements), {"'k'", "elements of type number 77"});
  GgufBuilder nested;
  nested.AddArray("k", 9, 1, Encoded(uint32_t{4}) + Encoded(uint64_t{0}));
  ExpectInvalid(ParseStatus(nested), {"'k'", "elements of type array"});
}

TEST(GgufMetadata, RefusesCountsAndLengthsThatReachPastTheEnd) {
  for (const uint64_t count : {uint64_t{3}, uint64_t{1} << 62, std::numeric_limits<uint64_t>::max()}) {
    GgufBuilder numbers;
    numbers.AddArray("k", 4, count, Encoded(uint32_t{1}));
    ExpectInvalid(ParseStatus(numbers), {"a.gguf", "ends inside metadata key 'k'"});
    GgufBuilder strings;
    strings.AddArray("k", 8, count, EncodedString("x"));
    ExpectInvalid(ParseStatus(strings), {"ends inside metadata key 'k'"});
    GgufBuilder text;
    text.AddValue("k", 8, Encoded(count));
    ExpectInvalid(ParseStatus(text), {"ends inside metadata key 'k'"});
  }
}

TEST(GgufMetadata, RefusesABoolThatIsNeitherTrueNorFalse) {
  GgufBuilder builder;
  builder.AddArray("k", 7, 2, std::string("\1\2", 2));
  ExpectInvalid(ParseStatus(builder), {"'k'", "neither 0 nor 1"});
}

TEST(GgufMetadata, PrintsAStrangeKeyOnOneLine) {
  GgufBuilder builder;
  builder.AddValue("line\nbreak\xff", 99, "");
  ExpectInvalid(ParseStatus(builder), {"line\\nbreak"});
}

TEST(Gguf, RefusesEveryTruncation) {
  GgufBuilder builder;
  builder.AddString("s", "text");
  builder.AddStrings("ss", {"a", "bc"});
  builder.AddUint32("u", 1);
  builder.tensors = {
      {.name = "t", .dimensions = {3, 2}, .type = kGgmlF32, .data = std::string(24, 'x'), .offset = {}}};
  const std::string whole = builder.Build();
  ASSERT_TRUE(Parse(whole).ok()) << Parse(whole).status();
  for (size_t size = 1; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    ExpectInvalid(Parse(cut).status(), {"a.gguf"});
  }
}

}  // namespace
}  // namespace pass
