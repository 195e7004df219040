// What both formats share: the same weights give the same checkpoint.
#include "core/checkpoint/checkpoint.h"

#include <algorithm>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

void ExpectWeights(const Checkpoint& checkpoint, const TinyWeights& weights) {
  size_t num_tensors = 0;
  for (const ModelTensor& wanted : ListTensors(checkpoint.config())) {
    ASSERT_TRUE(weights.contains(wanted.name)) << wanted.name;
    const TinyTensor& tensor = weights.at(wanted.name);
    std::vector<float> values(tensor.values.size());
    EXPECT_TRUE(checkpoint.Has(wanted.name));
    const absl::Status status = checkpoint.Read(wanted.name, tensor.shape, values);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_EQ(values, tensor.values) << wanted.name;
    ++num_tensors;
  }
  EXPECT_EQ(num_tensors, weights.size());
}

std::string WriteHuggingFace(const TemporaryFolder& folder, const TinyWeights& weights, bool tied) {
  folder.Write("config.json", TinyConfig(tied).dump());
  EXPECT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {{"format", "pt"}}, Views(weights)).ok());
  return folder.path();
}

TEST(Checkpoint, GivesTheSameWeightsAndConfigFromBothFormats) {
  for (const bool tied : {true, false}) {
    const TemporaryFolder folder;
    const TinyWeights weights = MakeTinyWeights(tied);
    const auto gguf = OpenCheckpoint(folder.Write("tiny.gguf", TinyGguf(weights).Build()));
    ASSERT_TRUE(gguf.ok()) << gguf.status();
    const auto hf = OpenCheckpoint(WriteHuggingFace(folder, weights, tied));
    ASSERT_TRUE(hf.ok()) << hf.status();
    for (const Checkpoint* checkpoint : {gguf->get(), hf->get()}) {
      const ModelConfig& config = checkpoint->config();
      EXPECT_EQ(config.vocab_size, 8);
      EXPECT_EQ(config.width, 32);
      EXPECT_EQ(config.ffn_width, 64);
      EXPECT_EQ(config.num_layers, 2);
      EXPECT_EQ(config.num_heads, 4);
      EXPECT_EQ(config.num_kv_heads, 2);
      EXPECT_EQ(config.head_dim, 8);
      EXPECT_EQ(config.context_length, 128);
      EXPECT_FLOAT_EQ(static_cast<float>(config.rms_epsilon), 1e-5f);
      EXPECT_EQ(config.ropes[0].theta, 10000.0);
      EXPECT_FALSE(config.ropes[0].llama3.has_value());
      EXPECT_EQ(config.tied_embeddings, tied);
      EXPECT_EQ(checkpoint->Has("lm_head.weight"), !tied);
      ExpectWeights(*checkpoint, weights);
    }
  }
}

TEST(Checkpoint, IsNamedByItsMetadataOrItsFolder) {
  const TemporaryFolder folder;
  const TinyWeights weights = MakeTinyWeights(/*tied=*/true);
  const auto gguf = OpenCheckpoint(folder.Write("tiny.gguf", TinyGguf(weights).Build()));
  ASSERT_TRUE(gguf.ok()) << gguf.status();
  EXPECT_EQ((*gguf)->name(), "Tiny Llama");
  const auto hf = OpenCheckpoint(WriteHuggingFace(folder, weights, /*tied=*/true) + "/");
  ASSERT_TRUE(hf.ok()) << hf.status();
  EXPECT_TRUE(folder.path().ends_with("/" + (*hf)->name())) << (*hf)->name();
}

TEST(Checkpoint, FingerprintDependsOnEveryWeightAndOnNothingElse) {
  const TemporaryFolder folder;
  TinyWeights weights = MakeTinyWeights(/*tied=*/true);
  GgufBuilder builder = TinyGguf(weights);
  const auto fingerprint = [&folder](const GgufBuilder& file) {
    const auto checkpoint = OpenCheckpoint(folder.Write("tiny.gguf", file.Build()));
    EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
    return checkpoint.ok() ? (*checkpoint)->Fingerprint() : "";
  };
  const std::string first = fingerprint(builder);
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(first.find_first_not_of("0123456789abcdef"), std::string::npos) << first;
  std::swap(builder.tensors.front(), builder.tensors.back());
  builder.AddString("general.note", "another order, another key");
  EXPECT_EQ(fingerprint(builder), first);
  builder.Tensor("blk.1.ffn_up.weight").data[17] ^= 1;
  EXPECT_NE(fingerprint(builder), first);
}

TEST(Checkpoint, ReadsOnlyInTheTensorsOwnShape) {
  const TemporaryFolder folder;
  const auto checkpoint = OpenCheckpoint(folder.Write("tiny.gguf", TinyGguf(MakeTinyWeights(true)).Build()));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::vector<float> out(32);
  const std::vector<int64_t> shape = {32};
  const std::vector<int64_t> other = {4, 8};
  EXPECT_TRUE((*checkpoint)->Read("model.norm.weight", shape, out).ok());
  ExpectInvalid((*checkpoint)->Read("model.norm.weight", other, out), {"tiny.gguf", "[32], not [4, 8]"});
  ExpectInvalid((*checkpoint)->Read("model.norm.weight", shape, std::span(out).first(31)),
                {"model.norm.weight", "31 values"});
  ExpectRefused((*checkpoint)->Read("lm_head.weight", shape, out), absl::StatusCode::kNotFound,
                {"lm_head.weight"});
}

TEST(Checkpoint, AsksForTheFolderOfALooseSafetensorsFile) {
  const TemporaryFolder folder;
  ExpectInvalid(OpenCheckpoint(folder.Write("model.safetensors", "x")).status(),
                {"model.safetensors", "name the folder"});
  ExpectRefused(OpenCheckpoint(folder.Path("none")).status(), absl::StatusCode::kNotFound,
                {"none", "no such file"});
}

}  // namespace
}  // namespace pass
