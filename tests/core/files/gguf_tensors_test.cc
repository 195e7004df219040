#include <limits>
#include <string>

#include "core/files/gguf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/status_matchers.h"

namespace pass {
namespace {

using testing::ElementsAre;

// Three tensors; the first two end off the alignment.
GgufBuilder ThreeTensors() {
  GgufBuilder builder;
  builder.AddString("general.architecture", "llama");
  builder.tensors = {
      {.name = "first", .dimensions = {5}, .type = kGgmlF32, .data = std::string(20, 'a'), .offset = {}},
      {.name = "second",
       .dimensions = {32, 2},
       .type = kGgmlQ4_1,
       .data = std::string(40, 'b'),
       .offset = {}},
      {.name = "third",
       .dimensions = {4, 3, 2},
       .type = kGgmlBF16,
       .data = std::string(48, 'c'),
       .offset = {}}};
  return builder;
}

absl::Status ParseStatus(const std::string& bytes) {
  return GgufFile::FromBytes("a.gguf", std::as_bytes(std::span(bytes))).status();
}

TEST(GgufTensors, HaveRowMajorShapesAndTheirBytes) {
  const std::string bytes = ThreeTensors().Build();
  const auto file = GgufFile::FromBytes("a.gguf", std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(file.ok()) << file.status();
  const auto tensors = (*file)->tensors();
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[1].name, "second");
  EXPECT_EQ(tensors[1].type, TensorType::kQ4_1);
  EXPECT_THAT(tensors[1].shape, ElementsAre(2, 32));
  EXPECT_EQ(tensors[1].data.size(), 40u);
  EXPECT_EQ(tensors[1].data.front(), std::byte{'b'});
  EXPECT_EQ(tensors[1].data.back(), std::byte{'b'});
  EXPECT_THAT(tensors[2].shape, ElementsAre(2, 3, 4));
  EXPECT_EQ(tensors[2].data.back(), std::byte{'c'});
}

TEST(GgufTensors, FollowTheFilesOwnAlignment) {
  GgufBuilder builder;
  builder.AddUint32("general.alignment", 128);
  builder.alignment = 128;
  builder.tensors = ThreeTensors().tensors;
  EXPECT_TRUE(ParseStatus(builder.Build()).ok()) << ParseStatus(builder.Build());
}

TEST(GgufTensors, RefuseAnAlignmentThatIsNone) {
  for (const uint32_t alignment : {0u, 3u, 4u, 48u, 1u << 20}) {
    GgufBuilder builder;
    builder.AddUint32("general.alignment", alignment);
    ExpectInvalid(ParseStatus(builder.Build()),
                  {"a.gguf", "'general.alignment' is " + std::to_string(alignment)});
  }
  GgufBuilder text;
  text.AddString("general.alignment", "32");
  ExpectInvalid(ParseStatus(text.Build()), {"'general.alignment' must be a uint32"});
}

TEST(GgufTensors, MayEndWithPaddingButNotWithMore) {
  const std::string bytes = ThreeTensors().Build();
  EXPECT_TRUE(ParseStatus(bytes + std::string(16, '\0')).ok());
  ExpectInvalid(ParseStatus(bytes + std::string(32, '\0')),
                {"32 bytes lie behind the last tensor", "'third'"});
}

TEST(GgufTensors, RefuseADuplicateName) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[2].name = "first";
  ExpectInvalid(ParseStatus(builder.Build()), {"a.gguf", "tensor 'first' appears twice"});
}

TEST(GgufTensors, RefuseAnEmptyOrOverlongName) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[0].name = "";
  ExpectInvalid(ParseStatus(builder.Build()), {"name of 0 bytes"});
  builder.tensors[0].name = std::string(65, 'n');
  ExpectInvalid(ParseStatus(builder.Build()), {"name of 65 bytes"});
}

TEST(GgufTensors, RefuseAnOverlap) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[2].offset = 32;
  ExpectInvalid(ParseStatus(builder.Build()), {"a.gguf", "tensor 'third' overlaps tensor 'second'"});
}

TEST(GgufTensors, RefuseAGapBeyondTheAlignment) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[1].data += std::string(32, 'x');
  ExpectInvalid(ParseStatus(builder.Build()),
                {"tensor 'third' leaves a gap of 32 bytes behind tensor 'second'"});
}

TEST(GgufTensors, RefuseAnOffsetOffTheAlignment) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[1].offset = 20;
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'second' lies at offset 20", "alignment 32"});
}

TEST(GgufTensors, RefuseOffsetsAndSizesThatReachPastTheEnd) {
  GgufBuilder far = ThreeTensors();
  far.tensors[2].offset = std::numeric_limits<uint64_t>::max() - 31;
  ExpectInvalid(ParseStatus(far.Build()), {"tensor 'third'"});
  GgufBuilder large = ThreeTensors();
  large.tensors[2].dimensions = {4, 3, 2000};
  ExpectInvalid(ParseStatus(large.Build()), {"tensor 'third' reaches past the end of the file"});
}

TEST(GgufTensors, RefuseShapesThatOverflow) {
  for (const auto& dimensions :
       {std::vector<uint64_t>{uint64_t{1} << 33, uint64_t{1} << 33}, std::vector<uint64_t>{uint64_t{1} << 62},
        std::vector<uint64_t>{uint64_t{1} << 31, uint64_t{1} << 31, 1 << 10}}) {
    GgufBuilder builder = ThreeTensors();
    builder.tensors[0].dimensions = dimensions;
    ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'first'", "overflows"});
  }
}

TEST(GgufTensors, RefuseDimensionsThatAreNone) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[0].dimensions = {5, 0};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'first' has a dimension of 0"});
  builder.tensors[0].dimensions = {uint64_t{1} << 63};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'first' has a dimension of 9223372036854775808"});
  builder.tensors[0].dimensions = {};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'first' has 0 dimensions"});
  builder.tensors[0].dimensions = {1, 1, 1, 1, 5};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'first' has 5 dimensions"});
}

TEST(GgufTensors, RefuseRowsThatAreNoWholeBlocks) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[1].dimensions = {2, 32};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'second'", "whole blocks of Q4_1"});
}

TEST(GgufTensors, RefuseRowsThatAreNoWholeBlocksOf256) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[1] = {.name = "second",
                        .dimensions = {256, 2},
                        .type = kGgmlQ6K,
                        .data = std::string(420, 'q'),
                        .offset = {}};
  EXPECT_TRUE(ParseStatus(builder.Build()).ok()) << ParseStatus(builder.Build());
  builder.tensors[1].dimensions = {128, 4};
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'second'", "whole blocks of Q6_K"});
}

TEST(GgufTensors, RefuseOtherTypesByName) {
  GgufBuilder builder = ThreeTensors();
  builder.tensors[1].type = kGgmlIq2Xxs;
  ExpectInvalid(ParseStatus(builder.Build()),
                {"a.gguf", "tensor 'second' is of type IQ2_XXS", "one of F32, F16, BF16, Q8_0", "MXFP4"});
  builder.tensors[1].type = 4711;
  ExpectInvalid(ParseStatus(builder.Build()), {"tensor 'second' is of type number 4711"});
}

}  // namespace
}  // namespace pass
