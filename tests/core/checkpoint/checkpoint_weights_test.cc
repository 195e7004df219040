// What of stored weights the checkpoint hands out: every type, and numbers alone.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/dequantize.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

const ModelConfig kWide = {.vocab_size = 8,
                           .width = 256,
                           .ffn_width = 512,
                           .num_layers = 1,
                           .num_heads = 4,
                           .num_kv_heads = 2,
                           .head_dim = 64,
                           .context_length = 128};

// A file of kWide's tensors: the table and the head of one type, the linears of another, norms F32. Random blocks, but
// for the scale, which is 1: the last two bytes of Q6_K's, the first two of others, and of Q4_1 the minimum behind it.
GgufBuilder WideGguf(TensorType table, TensorType linears) {
  GgufBuilder builder;
  builder.AddString("general.architecture", "llama");
  builder.AddUint32("llama.block_count", 1);
  builder.AddUint32("llama.context_length", 128);
  builder.AddUint32("llama.embedding_length", 256);
  builder.AddUint32("llama.feed_forward_length", 512);
  builder.AddUint32("llama.attention.head_count", 4);
  builder.AddUint32("llama.attention.head_count_kv", 2);
  std::mt19937 random(3);
  for (const ModelTensor& tensor : ListTensors(kWide)) {
    const bool is_norm = tensor.shape.size() == 1;
    const bool is_table = tensor.shape.front() == kWide.vocab_size;
    const TensorType type = is_norm ? TensorType::kF32 : is_table ? table : linears;
    std::string data;
    const size_t block = LayoutOf(type).bytes;
    for (uint64_t size = EncodedBytes(type, tensor.shape).value(); data.size() < size;) {
      std::string bytes(block, '\0');
      for (char& byte : bytes) byte = static_cast<char>(random());
      bytes.replace(type == TensorType::kQ6K ? block - 2 : 0, 2, Encoded<uint16_t>(0x3c00));
      if (type == TensorType::kQ4_1) bytes.replace(2, 2, Encoded<uint16_t>(0x3c00));
      if (is_norm) bytes = Encoded(0.5f);
      data += bytes;
    }
    builder.tensors.push_back({.name = tensor.gguf_name,
                               .dimensions = {tensor.shape.rbegin(), tensor.shape.rend()},
                               .type = FactsOf(type).in_gguf.value(),
                               .data = data,
                               .offset = {}});
  }
  return builder;
}

absl::StatusOr<std::vector<float>> ReadTensor(const Checkpoint& checkpoint, const std::string& name,
                                              const std::vector<int64_t>& shape) {
  std::vector<float> values(CountElements(shape).value());
  const absl::Status status = checkpoint.Read(name, shape, values);
  if (!status.ok()) return status;
  return values;
}

TEST(CheckpointWeights, Q4FilesWithTheTableAndHeadInQ6KAreRead) {
  for (const TensorType linears : {TensorType::kQ4_0, TensorType::kQ4_1, TensorType::kQ6K}) {
    const GgufBuilder builder = WideGguf(TensorType::kQ6K, linears);
    const TemporaryFolder folder;
    const auto checkpoint = OpenCheckpoint(folder.Write("wide.gguf", builder.Build()));
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    for (const ModelTensor& tensor : ListTensors(kWide)) {
      const auto values = ReadTensor(**checkpoint, tensor.name, tensor.shape);
      ASSERT_TRUE(values.ok()) << values.status();
      if (tensor.rotary_heads > 0) continue;  // their rows are brought into another order
      const auto stored = std::find_if(builder.tensors.begin(), builder.tensors.end(),
                                       [&](const auto& plan) { return plan.name == tensor.gguf_name; });
      std::vector<float> expected(values->size());
      Dequantize(TensorTypeInGguf(stored->type).value(), std::as_bytes(std::span(stored->data)), expected);
      EXPECT_EQ(*values, expected) << tensor.name;
    }
  }
}

TEST(CheckpointWeights, StoredRowsAreTheBlocksOfTheRowsThatAreRead) {
  const TemporaryFolder folder;
  const auto checkpoint =
      OpenCheckpoint(folder.Write("wide.gguf", WideGguf(TensorType::kQ6K, TensorType::kQ4_1).Build()));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  int permuted = 0;
  for (const ModelTensor& tensor : ListTensors(kWide)) {
    const std::optional<StoredRows> stored = (*checkpoint)->Stored(tensor.name);
    ASSERT_EQ(stored.has_value(), tensor.shape.size() == 2) << tensor.name;
    if (!stored.has_value()) continue;
    EXPECT_EQ(stored->type, tensor.shape.front() == kWide.vocab_size ? TensorType::kQ6K : TensorType::kQ4_1);
    const auto values = ReadTensor(**checkpoint, tensor.name, tensor.shape);
    ASSERT_TRUE(values.ok()) << values.status();
    std::vector<float> decoded;
    for (const auto row : stored->rows) {
      std::vector<float> part(tensor.shape.back());
      Dequantize(stored->type, row, part);
      decoded.insert(decoded.end(), part.begin(), part.end());
    }
    EXPECT_EQ(decoded, *values) << tensor.name;
    permuted += stored->rows[1].data() != stored->rows[0].data() + stored->rows[0].size() ? 1 : 0;
  }
  EXPECT_EQ(permuted, 2);  // queries and keys, whose rotary pairs the file interleaves
  EXPECT_FALSE((*checkpoint)->Stored("model.layers.7.mlp.up_proj.weight").has_value());
}

TEST(CheckpointWeights, AScaleThatIsNoNumberIsRefusedWithItsTensorAndRow) {
  GgufBuilder builder = WideGguf(TensorType::kQ6K, TensorType::kQ4_0);
  std::string& data = builder.Tensor("blk.0.ffn_up.weight").data;
  data.replace(7 * data.size() / 512, 2, Encoded<uint16_t>(0x7c00));  // the first block of row 7: infinite
  const TemporaryFolder folder;
  const auto checkpoint = OpenCheckpoint(folder.Write("wide.gguf", builder.Build()));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_TRUE(ReadTensor(**checkpoint, "model.layers.0.mlp.gate_proj.weight", {512, 256}).ok());
  ExpectInvalid(ReadTensor(**checkpoint, "model.layers.0.mlp.up_proj.weight", {512, 256}).status(),
                {"wide.gguf", "tensor 'blk.0.ffn_up.weight'", "not numbers", "in row 7"});
}

TEST(CheckpointWeights, AWeightThatIsNoNumberIsRefusedWithItsTensorAndFile) {
  for (const float value : {std::nanf(""), -std::nanf(""), std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    TinyWeights weights = MakeTinyWeights(/*tied=*/true);
    weights["model.layers.1.self_attn.k_proj.weight"].values.back() = value;
    weights["model.norm.weight"].values.front() = -std::numeric_limits<float>::max();
    const TemporaryFolder folder;
    folder.Write("config.json", TinyConfig(/*tied=*/true).dump());
    ASSERT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, Views(weights)).ok());
    const auto checkpoint = OpenCheckpoint(folder.path());
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
    EXPECT_TRUE(ReadTensor(**checkpoint, "model.norm.weight", {32}).ok());
    ExpectInvalid(ReadTensor(**checkpoint, "model.layers.1.self_attn.k_proj.weight", {16, 32}).status(),
                  {"model.safetensors", "tensor 'model.layers.1.self_attn.k_proj.weight'", "not numbers"});
  }
}

}  // namespace
}  // namespace pass
