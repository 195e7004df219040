#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

absl::StatusOr<std::unique_ptr<Checkpoint>> Open(const GgufBuilder& builder) {
  const TemporaryFolder folder;
  return OpenCheckpoint(folder.Write("tiny.gguf", builder.Build()));
}

GgufBuilder Tiny() { return TinyGguf(MakeTinyWeights(/*tied=*/false)); }

// A file of these keys alone, with the tiny model's tensors.
GgufBuilder WithKeys(const std::vector<std::pair<std::string, uint32_t>>& numbers,
                     std::string_view architecture) {
  GgufBuilder builder;
  if (!architecture.empty()) builder.AddString("general.architecture", architecture);
  for (const auto& [key, value] : numbers) builder.AddUint32(key, value);
  builder.tensors = Tiny().tensors;
  return builder;
}

const std::vector<std::pair<std::string, uint32_t>> kSizes = {
    {"llama.block_count", 2},          {"llama.context_length", 128},
    {"llama.embedding_length", 32},    {"llama.feed_forward_length", 64},
    {"llama.attention.head_count", 4}, {"llama.attention.head_count_kv", 2}};

TEST(GgufCheckpoint, UndoesTheInterleavingOfRotaryPairs) {
  // Row r of q holds the value r, as stored: the pairs of a head of 8 are rows (0, 1), (2, 3), (4, 5), (6,
  // 7).
  GgufBuilder builder = Tiny();
  std::string data;
  for (int row = 0; row < 32; ++row) {
    for (int column = 0; column < 32; ++column) data += Encoded(static_cast<float>(row));
  }
  builder.Tensor("blk.0.attn_q.weight").data = data;
  const auto checkpoint = Open(builder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::vector<float> out(32 * 32);
  const std::array<int64_t, 2> shape = {32, 32};
  ASSERT_TRUE((*checkpoint)->Read("model.layers.0.self_attn.q_proj.weight", shape, out).ok());
  const std::array<float, 16> expected = {0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15};
  for (size_t row = 0; row < expected.size(); ++row) EXPECT_EQ(out[row * 32], expected[row]) << row;
}

TEST(GgufCheckpoint, DequantisesWhileItUndoesTheInterleaving) {
  GgufBuilder builder = Tiny();
  GgufTensorPlan& q = builder.Tensor("blk.1.attn_q.weight");
  q.type = kGgmlQ8_0;
  q.data.clear();
  for (int row = 0; row < 32; ++row)
    q.data += Encoded<uint16_t>(0x3c00) + std::string(32, static_cast<char>(row));
  const auto checkpoint = Open(builder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::vector<float> out(32 * 32);
  const std::array<int64_t, 2> shape = {32, 32};
  ASSERT_TRUE((*checkpoint)->Read("model.layers.1.self_attn.q_proj.weight", shape, out).ok());
  EXPECT_EQ(out[1 * 32 + 31], 2.0f);
  EXPECT_EQ(out[4 * 32], 1.0f);
  EXPECT_EQ(out[31 * 32], 31.0f);
}

TEST(GgufCheckpoint, NeedsOnlyTheSizes) {
  const auto checkpoint = Open(WithKeys(kSizes, "llama"));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->name(), "tiny");
  EXPECT_EQ((*checkpoint)->config().ropes[0].theta, 10000.0);
}

// Names of models go into messages that must be UTF-8.
TEST(GgufCheckpoint, HasANameInUtf8WhateverItsFileSays) {
  GgufBuilder latin1 = WithKeys(kSizes, "llama");
  latin1.AddString("general.name", "Mod\xE8le");
  const TemporaryFolder folder;
  for (const auto& [file, name] :
       {std::pair("tiny.gguf", "tiny"), std::pair("Mod\xE8le.gguf", "Mod\xEF\xBF\xBDle")}) {
    const auto checkpoint = OpenCheckpoint(folder.Write(file, latin1.Build()));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_EQ((*checkpoint)->name(), name);
  }
}

TEST(GgufCheckpoint, NamesAMissingSize) {
  for (size_t i = 0; i < kSizes.size() - 1; ++i) {  // the last one has a default
    auto sizes = kSizes;
    sizes.erase(sizes.begin() + static_cast<std::ptrdiff_t>(i));
    ExpectInvalid(Open(WithKeys(sizes, "llama")).status(), {"tiny.gguf", kSizes[i].first, "missing"});
  }
}

TEST(GgufCheckpoint, RefusesSizesThatAreAbsurdOrDoNotGoTogether) {
  const std::vector<std::tuple<size_t, uint32_t, std::string>> cases = {
      {0, 0, "number of layers is 0"},
      {0, 2000000000, "number of layers is 2000000000"},
      {0, 0xffffffff, "no size of a model"},
      {1, 0, "context length is 0"},
      {2, 0, "width"},
      {3, 0, "feed-forward width is 0"},
      {4, 0, "head_count is 0"},
      {5, 0, "key-value heads is 0"},
      {5, 3, "4 heads cannot share 3"},
      {4, 32, "width of a head is 1"}};
  for (const auto& [index, value, words] : cases) {
    auto sizes = kSizes;
    sizes[index].second = value;
    ExpectInvalid(Open(WithKeys(sizes, "llama")).status(), {"tiny.gguf", words});
  }
}

TEST(GgufCheckpoint, RefusesOtherArchitecturesByName) {
  ExpectInvalid(Open(WithKeys(kSizes, "plamo")).status(), {"tiny.gguf", "'plamo'", "that is: llama"});
  ExpectInvalid(Open(WithKeys(kSizes, "qwen3moe")).status(), {"'qwen3moe'", "choose among experts"});
  ExpectInvalid(Open(WithKeys(kSizes, "qwen35")).status(), {"'qwen35'", "a recurrent state"});
  ExpectInvalid(Open(WithKeys(kSizes, "")).status(), {"tiny.gguf", "(none)"});
}

TEST(GgufCheckpoint, RefusesAnotherArchitectureBeforeItJudgesTensors) {
  GgufBuilder builder = WithKeys(kSizes, "plamo");
  builder.tensors.front().type = kGgmlIq2Xxs;
  builder.tensors.back().offset = 3;
  const absl::Status status = Open(builder).status();
  ExpectInvalid(status, {"tiny.gguf", "architecture 'plamo' is not served"});
  EXPECT_EQ(status.message().find("tensor"), absl::string_view::npos) << status;
}

TEST(GgufCheckpoint, RefusesFeaturesByName) {
  const auto refuses = [](const std::function<void(GgufBuilder&)>& change, std::string_view words) {
    GgufBuilder builder = Tiny();
    change(builder);
    ExpectInvalid(Open(builder).status(), {"tiny.gguf", words});
  };
  refuses([](GgufBuilder& b) { b.AddUint32("llama.expert_count", 8); }, "llama.expert_count");
  refuses([](GgufBuilder& b) { b.AddUint32("split.count", 3); }, "one of 3 parts");
  refuses([](GgufBuilder& b) { b.AddString("llama.rope.scaling.type", "longrope"); }, "'longrope'");
  refuses([](GgufBuilder& b) { b.AddString("general.type", "adapter"); }, "an adapter (LoRA), no model");
  refuses([](GgufBuilder& b) { b.AddFloat32("llama.rope.scaling.factor", -4); },
          "factor of -4 has no meaning");
  refuses([](GgufBuilder& b) { b.AddUint32("llama.attention.value_length", 16); },
          "llama.attention.value_length is 16");
  refuses([](GgufBuilder& b) { b.AddUint32("llama.vocab_size", 9); }, "llama.vocab_size is 9");
  GgufBuilder harmless = Tiny();
  harmless.AddString("llama.rope.scaling.type", "none");
  harmless.AddUint32("llama.expert_count", 0);
  EXPECT_TRUE(Open(harmless).ok()) << Open(harmless).status();
}

TEST(GgufCheckpoint, ReadsLinearRopeScalingAsLlamaCppDoes) {
  const auto factor = [](const std::function<void(GgufBuilder&)>& change) {
    GgufBuilder builder = Tiny();
    change(builder);
    const auto checkpoint = Open(builder);
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    return checkpoint.ok() ? (*checkpoint)->config().ropes[0].linear_factor : -1;
  };
  const auto with_type = [&factor](const char* type) {
    return factor([type](GgufBuilder& b) {
      b.AddString("llama.rope.scaling.type", type);
      b.AddFloat32("llama.rope.scaling.factor", 4);
    });
  };
  EXPECT_EQ(factor([](GgufBuilder&) {}), 1.0);
  EXPECT_EQ(factor([](GgufBuilder& b) { b.AddFloat32("llama.rope.scaling.factor", 4); }), 4.0)
      << "linear is the type where none is named";
  EXPECT_EQ(factor([](GgufBuilder& b) { b.AddFloat32("llama.rope.scale_linear", 2); }), 2.0)
      << "the older key";
  EXPECT_EQ(factor([](GgufBuilder& b) { b.AddFloat32("llama.rope.scaling.factor", 0); }), 1.0);
  EXPECT_EQ(with_type("linear"), 4.0);
  EXPECT_EQ(with_type("none"), 1.0);
}

TEST(GgufCheckpoint, NamesATensorThatIsMissingOrHasAnotherShape) {
  GgufBuilder missing = Tiny();
  missing.Tensor("blk.1.ffn_up.weight").name = "blk.9.ffn_up.weight";
  ExpectInvalid(Open(missing).status(), {"tiny.gguf", "tensor 'blk.1.ffn_up.weight' is missing"});
  GgufBuilder reshaped = Tiny();
  reshaped.Tensor("blk.0.attn_k.weight").dimensions = {16, 32};
  ExpectInvalid(Open(reshaped).status(),
                {"tiny.gguf", "tensor 'blk.0.attn_k.weight' has shape [32, 16]", "asks for [16, 32]"});
  GgufBuilder no_table = Tiny();
  no_table.Tensor("token_embd.weight").name = "token_embd.other";
  ExpectInvalid(Open(no_table).status(), {"tiny.gguf", "'token_embd.weight' is missing"});
}

TEST(GgufCheckpoint, NamesATensorThatTheStepWouldNotUse) {
  GgufBuilder builder = Tiny();
  builder.tensors.push_back({.name = "blk.0.ffn_up.bias",
                             .dimensions = {32},
                             .type = kGgmlF32,
                             .data = std::string(128, '\0'),
                             .offset = {}});
  ExpectInvalid(Open(builder).status(),
                {"tiny.gguf", "'blk.0.ffn_up.bias'", "no weight that the step of this llama has a use for"});
}

// The divisors that llama.cpp's converter stores for llama3 scaling, by the release's own formula.
std::string Llama3Divisors(double factor) {
  std::string data;
  for (int i = 0; i < 4; ++i) {
    const double frequency = std::pow(10000.0, -2.0 * i / 8);
    const double wavelength = 2 * std::numbers::pi / frequency;
    double divisor = 1;
    if (wavelength > 8192.0 / 1.0) {
      divisor = factor;
    } else if (wavelength >= 8192.0 / 4.0) {
      const double smooth = (8192.0 / wavelength - 1.0) / (4.0 - 1.0);
      divisor = 1 / ((1 - smooth) / factor + smooth);
    }
    data += Encoded(static_cast<float>(divisor));
  }
  return data;
}

GgufBuilder WithDivisors(std::string data, float base) {
  GgufBuilder builder = WithKeys(kSizes, "llama");
  builder.AddFloat32("llama.rope.freq_base", base);
  builder.tensors.push_back({.name = "rope_freqs.weight",
                             .dimensions = {4},
                             .type = kGgmlF32,
                             .data = std::move(data),
                             .offset = {}});
  return builder;
}

TEST(GgufCheckpoint, RefusesRopeDivisorsThatAreNoLlama3s) {
  ExpectInvalid(Open(WithDivisors(Llama3Divisors(8), 500000.0f)).status(),
                {"tiny.gguf", "'rope_freqs.weight'", "not the rope scaling of a published Llama 3"});
  std::string odd = Llama3Divisors(8);
  odd.replace(8, 4, Encoded(1.5f));
  ExpectInvalid(Open(WithDivisors(odd, 10000.0f)).status(), {"'rope_freqs.weight'"});
  odd.replace(12, 4, Encoded(NAN));
  ExpectInvalid(Open(WithDivisors(odd, 10000.0f)).status(), {"tiny.gguf"});
  GgufBuilder long_table = WithDivisors(Llama3Divisors(8) + Encoded(1.0f), 10000.0f);
  long_table.Tensor("rope_freqs.weight").dimensions = {5};
  ExpectInvalid(Open(long_table).status(), {"'rope_freqs.weight' must have shape [4]"});
}

TEST(GgufCheckpoint, RecognisesTheRopeScalingOfLlama3) {
  GgufBuilder builder = WithDivisors("", 500000.0f);
  std::string data;
  for (int i = 0; i < 4; ++i) {
    // With base 500000 the wavelengths are 6.3, 167, 4443 and 118140 positions: kept, kept, smoothed,
    // divided.
    const double wavelength = 2 * std::numbers::pi * std::pow(500000.0, 2.0 * i / 8);
    const double smooth = (8192 / wavelength - 1) / 3;
    data += Encoded(static_cast<float>(i < 2 ? 1.0 : i == 2 ? 1 / ((1 - smooth) / 32 + smooth) : 32.0));
  }
  builder.Tensor("rope_freqs.weight").data = data;
  const auto checkpoint = Open(builder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const auto& scaling = (*checkpoint)->config().ropes[0].llama3;
  ASSERT_TRUE(scaling.has_value());
  EXPECT_EQ(scaling->factor, 32.0);
  EXPECT_EQ(scaling->low_freq_factor, 1.0);
  EXPECT_EQ(scaling->high_freq_factor, 4.0);
  EXPECT_EQ(scaling->original_context_length, 8192);
}

}  // namespace
}  // namespace pass
