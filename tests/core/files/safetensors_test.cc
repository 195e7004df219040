#include "core/files/safetensors.h"

#include <algorithm>
#include <array>
#include <filesystem>
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
using testing::Pair;

std::string Assemble(const std::string& header, const std::string& data) {
  return Encoded(uint64_t{header.size()}) + header + data;
}

absl::Status ParseStatus(const std::string& bytes) {
  return SafetensorsFile::FromBytes("a.safetensors", std::as_bytes(std::span(bytes))).status();
}

absl::Status ParseStatus(const std::string& header, size_t data_bytes) {
  return ParseStatus(Assemble(header, std::string(data_bytes, 'x')));
}

TEST(Safetensors, GivesTensorsInTheOrderOfTheirDataAndTheMetadata) {
  const std::string bytes = Assemble(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"c":{"dtype":"F16","shape":[],"data_offsets":[20,22]}}  )",
      std::string(8, 'b') + std::string(12, 'a') + std::string(2, 'c'));
  const auto file = SafetensorsFile::FromBytes("a.safetensors", std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->metadata(), ElementsAre(Pair("format", "pt")));
  const auto tensors = (*file)->tensors();
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "b");
  EXPECT_EQ(tensors[1].name, "a");
  EXPECT_EQ(tensors[1].type, TensorType::kBF16);
  EXPECT_THAT(tensors[1].shape, ElementsAre(2, 3));
  EXPECT_EQ(tensors[1].data.size(), 12u);
  EXPECT_EQ(tensors[1].data.front(), std::byte{'a'});
  EXPECT_TRUE(tensors[2].shape.empty());
}

TEST(Safetensors, ReadsBackWhatItWrites) {
  const TemporaryFolder folder;
  const std::string path = folder.Path("a.safetensors");
  const std::array<float, 6> values = {1, 2, 3, 4, 5, 6};
  const TensorView view{.name = "a \"tensor\"",
                        .type = TensorType::kF32,
                        .shape = {2, 3},
                        .data = std::as_bytes(std::span(values))};
  ASSERT_TRUE(WriteSafetensors(path, {{"key", "value"}}, std::span(&view, 1)).ok());
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT((*file)->metadata(), ElementsAre(Pair("key", "value")));
  ASSERT_EQ((*file)->tensors().size(), 1u);
  EXPECT_EQ((*file)->tensors()[0].name, view.name);
  EXPECT_EQ((*file)->tensors()[0].shape, view.shape);
  EXPECT_TRUE(std::ranges::equal((*file)->tensors()[0].data, view.data));
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
}

TEST(Safetensors, DoesNotWriteTensorsThatItCouldNotRead) {
  const TemporaryFolder folder;
  const std::array<float, 6> values{};
  const auto bytes = std::as_bytes(std::span(values));
  const TensorView wrong_size{.name = "a", .type = TensorType::kF32, .shape = {7}, .data = bytes};
  ExpectInvalid(WriteSafetensors(folder.Path("a"), {}, std::span(&wrong_size, 1)),
                {"tensor 'a' cannot be written"});
  const std::array<TensorView, 2> twice = {
      TensorView{.name = "a", .type = TensorType::kF32, .shape = {6}, .data = bytes},
      TensorView{.name = "a", .type = TensorType::kF32, .shape = {6}, .data = bytes}};
  ExpectInvalid(WriteSafetensors(folder.Path("a"), {}, twice), {"tensor 'a' cannot be written"});
  ExpectInvalid(WriteSafetensors(folder.Path("none/a"), {}, {}), {"none/a", "cannot be written"});
}

TEST(Safetensors, RefusesAHeaderThatIsTooLongOrCut) {
  ExpectInvalid(ParseStatus("1234567"), {"a.safetensors", "shorter than 8 bytes"});
  ExpectInvalid(ParseStatus(Encoded(std::numeric_limits<uint64_t>::max()) + "{}"),
                {"a.safetensors", "too long"});
  ExpectInvalid(ParseStatus(Encoded(uint64_t{(16 << 20) + 1}) + "{}"), {"header is too long", "16777217"});
  ExpectInvalid(ParseStatus(Encoded(uint64_t{3}) + "{}"), {"ends inside the header"});
}

TEST(Safetensors, RefusesAHeaderThatIsNoObject) {
  ExpectInvalid(ParseStatus("[]", 0), {"a.safetensors", "not a JSON object"});
  ExpectInvalid(ParseStatus(" {}", 0), {"not a JSON object"});
  ExpectInvalid(ParseStatus("{\"a\":", 0), {"a.safetensors", "not valid JSON"});
  ExpectInvalid(ParseStatus("", 0), {"a.safetensors"});
}

TEST(Safetensors, RefusesADuplicateName) {
  const std::string entry = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  ExpectInvalid(ParseStatus("{" + entry + "," + entry + "}", 4), {"a.safetensors", "'a'", "twice"});
}

TEST(Safetensors, RefusesOtherDtypesByName) {
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4),
                {"a.safetensors", "tensor 'a' is of dtype 'F8_E4M3'", "F32, F16, BF16, I32"});
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":3,"shape":[4],"data_offsets":[0,4]}})", 4),
                {"tensor 'a' has no dtype"});
}

TEST(Safetensors, RefusesShapesThatAreNoneOrOverflow) {
  for (const char* shape :
       {"[-1]", "[1.5]", "[1,1,1,1,1,1,1,1,1]", "{}", "\"4\"", "[9223372036854775808]", "[1e3]"}) {
    ExpectInvalid(
        ParseStatus(std::string(R"({"a":{"dtype":"F32","data_offsets":[0,4],"shape":)") + shape + "}}", 4),
        {"tensor 'a' needs a shape"});
  }
  ExpectInvalid(
      ParseStatus(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
      {"tensor 'a'", "not what its dtype and shape take"});
}

TEST(Safetensors, RefusesOffsetsThatAreNoneOrDescend) {
  for (const char* offsets :
       {"[4,0]", "[0]", "[0,4,4]", "[-4,0]", "[0,18446744073709551616]", "null", "[0,\"4\"]"}) {
    ExpectInvalid(
        ParseStatus(std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)") + offsets + "}}", 4),
        {"tensor 'a' needs two ascending data_offsets"});
  }
}

TEST(Safetensors, RefusesASizeThatDoesNotFitTheShape) {
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
                {"tensor 'a' has 4 bytes"});
}

TEST(Safetensors, RefusesAnOverlap) {
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                            12),
                {"a.safetensors", "tensor 'b' overlaps tensor 'a'"});
}

TEST(Safetensors, RefusesAGap) {
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                            R"("b":{"dtype":"F32","shape":[1],"data_offsets":[6,10]}})",
                            10),
                {"tensor 'b' leaves a gap of 2 bytes behind tensor 'a'"});
  ExpectInvalid(ParseStatus(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8),
                {"tensor 'a' leaves a gap of 4 bytes behind the header"});
}

TEST(Safetensors, RefusesDataThatIsCutOrLongerThanItsTensors) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_TRUE(ParseStatus(header, 8).ok());
  ExpectInvalid(ParseStatus(header, 7), {"tensor 'a' reaches past the end"});
  ExpectInvalid(ParseStatus(header, 9), {"1 bytes lie behind tensor 'a'"});
}

TEST(Safetensors, RefusesMetadataThatIsNotText) {
  ExpectInvalid(ParseStatus(R"({"__metadata__":{"k":1}})", 0),
                {"a.safetensors", "__metadata__ 'k' is not a string"});
  ExpectInvalid(ParseStatus(R"({"__metadata__":[]})", 0), {"__metadata__ is not an object"});
}

TEST(Safetensors, RefusesMoreTensorsThanAnyModelHas) {
  std::string header = "{";
  for (int i = 0; i <= 1 << 16; ++i) header.append("\"").append(std::to_string(i)).append("\":0,");
  header.back() = '}';
  ExpectInvalid(ParseStatus(header, 0), {"a.safetensors", "65537 tensors, at most 65536"});
}

}  // namespace
}  // namespace pass
