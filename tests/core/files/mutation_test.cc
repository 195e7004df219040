// Random damage to small valid files: whatever it does, the readers return a status or tensors that lie
// inside the file. The bytes stand in a heap block of exactly their size, so that AddressSanitizer sees every
// read past the end.
#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>

#include "core/files/dequantize.h"
#include "core/files/gguf.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"

namespace pass {
namespace {

constexpr int kRounds = 20000;

std::string ValidGguf() {
  GgufBuilder builder;
  builder.AddString("general.architecture", "llama");
  builder.AddUint32("llama.block_count", 2);
  builder.AddFloat32("llama.rope.freq_base", 1e5f);
  builder.AddBool("tokenizer.ggml.add_bos_token", false);
  builder.AddStrings("tokenizer.ggml.tokens", {"a", "b", "<|end|>"});
  builder.AddInts("tokenizer.ggml.token_type", {1, 1, 3});
  builder.tensors = {
      {.name = "a", .dimensions = {32, 2}, .type = kGgmlQ8_0, .data = std::string(68, 'a'), .offset = {}},
      {.name = "b", .dimensions = {32}, .type = kGgmlQ4_0, .data = std::string(18, 'b'), .offset = {}},
      {.name = "c", .dimensions = {3, 2}, .type = kGgmlF16, .data = std::string(12, 'c'), .offset = {}},
      {.name = "d", .dimensions = {256}, .type = kGgmlQ6K, .data = std::string(210, 'd'), .offset = {}},
      {.name = "e", .dimensions = {32}, .type = kGgmlMxfp4, .data = std::string(17, 'e'), .offset = {}}};
  return builder.Build();
}

std::string ValidSafetensors() {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  return Encoded(uint64_t{header.size()}) + header + std::string(20, 'x');
}

// One to four changes: a flipped bit, an interesting byte, a wide number, a piece removed or doubled, or the
// end cut off.
std::string Damage(std::string bytes, std::mt19937_64& random) {
  const auto below = [&random](size_t limit) {
    return static_cast<size_t>(random() % std::max<size_t>(limit, 1));
  };
  const size_t num_changes = 1 + below(4);
  for (size_t i = 0; i < num_changes && !bytes.empty(); ++i) {
    const size_t at = below(bytes.size());
    switch (below(6)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      case 1:
        bytes[at] = "\x00\x01\x7f\x80\xff\"{}[]:,9-"[below(14)];
        break;
      case 2: {
        constexpr uint64_t kWide[] = {0,
                                      1,
                                      1u << 31,
                                      uint64_t{1} << 62,
                                      std::numeric_limits<uint64_t>::max(),
                                      std::numeric_limits<uint64_t>::max() - 31};
        const uint64_t wide = kWide[below(6)];
        std::memcpy(bytes.data() + at, &wide, std::min(sizeof(wide), bytes.size() - at));
        break;
      }
      case 3:
        bytes.erase(at, 1 + below(8));
        break;
      case 4:
        bytes.insert(at, bytes.substr(at, 1 + below(8)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

// Touches every byte of every tensor.
void ReadAll(std::span<const TensorView> tensors, std::span<const std::byte> file) {
  for (const TensorView& tensor : tensors) {
    ASSERT_TRUE(tensor.data.empty() ||
                (tensor.data.data() >= file.data() &&
                 tensor.data.data() + tensor.data.size() <= file.data() + file.size()));
    std::vector<float> values(CountElements(tensor.shape).value());
    Dequantize(tensor.type, tensor.data, values);
  }
}

void ReadMetadata(const GgufFile& file) {
  for (const auto& [key, value] : file.metadata()) {
    (void)file.FindString(key);
    (void)file.FindUint(key);
    (void)file.FindDouble(key);
    (void)file.FindBool(key);
    (void)file.FindStrings(key);
    (void)file.FindInts(key);
  }
}

template <typename Check>
void DamageAndCheck(const std::string& valid, Check check) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  std::mt19937_64 random(seed);
  int num_refused = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string damaged = Damage(valid, random);
    const auto exact = std::make_unique<std::byte[]>(damaged.size());
    std::memcpy(exact.get(), damaged.data(), damaged.size());
    if (!check(std::span<const std::byte>(exact.get(), damaged.size()))) ++num_refused;
    if (::testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(num_refused, kRounds / 4) << "the damage is too mild to prove anything";
  EXPECT_LT(num_refused, kRounds) << "no damaged file was ever read";
}

TEST(DamagedFiles, NeverLetTheGgufReaderOutOfTheFile) {
  DamageAndCheck(ValidGguf(), [](std::span<const std::byte> bytes) {
    const auto file = GgufFile::FromBytes("a.gguf", bytes);
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
      return false;
    }
    ReadMetadata(**file);
    ReadAll((*file)->tensors(), bytes);
    return true;
  });
}

TEST(DamagedFiles, NeverLetTheSafetensorsReaderOutOfTheFile) {
  DamageAndCheck(ValidSafetensors(), [](std::span<const std::byte> bytes) {
    const auto file = SafetensorsFile::FromBytes("a.safetensors", bytes);
    if (!file.ok()) {
      EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument) << file.status();
      return false;
    }
    ReadAll((*file)->tensors(), bytes);
    return true;
  });
}

}  // namespace
}  // namespace pass
