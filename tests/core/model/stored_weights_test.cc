// What becomes of a file's matrices when its weights are loaded.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint_layout.h"
#include "core/files/dequantize.h"
#include "core/model/backend/cpu/cpu_backend.h"
#include "core/model/weights.h"
#include "tests/core/model/random_model.h"

namespace pass {
namespace {

// Random blocks of a type for each tensor, F32 for vectors.
class BlocksCheckpoint final : public Checkpoint {
 public:
  BlocksCheckpoint(const ModelConfig& config, const std::function<TensorType(const std::string&)>& type_of)
      : config_(config) {
    std::mt19937 random(61);
    for (const ModelTensor& tensor : ListTensors(config)) {
      Tensor& made = tensors_[tensor.name];
      made.type = tensor.shape.size() == 1 ? TensorType::kF32 : type_of(tensor.name);
      made.shape = tensor.shape;
      made.bytes.resize(EncodedBytes(made.type, tensor.shape).value());
      const BlockLayout block = LayoutOf(made.type);
      for (size_t i = 0; i < made.bytes.size(); ++i) {
        made.bytes[i] = static_cast<std::byte>(random());
        // A scale, and of Q4_1 a minimum, of 2^-5 and a little; of MXFP4 a power of two.
        if (block.elements > 1 && i % block.bytes % 2 == 1 && i % block.bytes < 4) {
          made.bytes[i] = std::byte{0x28};
        }
        if (made.type == TensorType::kMxfp4 && i % block.bytes == 0) made.bytes[i] = std::byte{120};
        if (made.type == TensorType::kF32) made.bytes[i] = i % 4 == 3 ? std::byte{0x3d} : std::byte{0x10};
      }
    }
  }

  const ModelConfig& config() const override { return config_; }
  const std::string& name() const override { return name_; }
  std::string Fingerprint() const override { return std::string(32, '0'); }
  bool Has(std::string_view tensor) const override { return tensors_.contains(tensor); }
  absl::Status ReadRows(std::string_view tensor, std::span<const int64_t> shape, int64_t begin, int64_t end,
                        TakeRow take) const override {
    const Tensor& found = tensors_.find(tensor)->second;
    std::vector<float> row(static_cast<size_t>(shape.back()));
    const auto rows = static_cast<size_t>(shape.size() == 1 ? 1 : shape.front());
    const size_t row_bytes = found.bytes.size() / rows;
    for (int64_t r = begin; r < end; ++r) {
      Dequantize(found.type, std::span(found.bytes).subspan(r * row_bytes, row_bytes), row);
      take(r, row);
    }
    return absl::OkStatus();
  }
  std::optional<StoredRows> Stored(std::string_view tensor) const override {
    const Tensor& found = tensors_.find(tensor)->second;
    if (found.shape.size() != 2) return std::nullopt;
    StoredRows stored{.type = found.type, .rows = {}};
    const size_t row_bytes = found.bytes.size() / static_cast<size_t>(found.shape.front());
    for (size_t at = 0; at < found.bytes.size(); at += row_bytes) {
      stored.rows.push_back(std::span(found.bytes).subspan(at, row_bytes));
    }
    return stored;
  }

 private:
  struct Tensor {
    TensorType type;
    std::vector<int64_t> shape;
    std::vector<std::byte> bytes;
  };

  ModelConfig config_;
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::string name_ = "blocks";
};

// The types of a file of mixed blocks: in layer 0 all can be kept, in layer 1 one of qkv's cannot, in layer 2 one
// linear has plain numbers.
TensorType MixedType(const std::string& name) {
  if (name == "model.layers.1.self_attn.k_proj.weight") return TensorType::kMxfp4;
  if (name == "model.layers.2.mlp.down_proj.weight") return TensorType::kF32;
  if (name.find("v_proj") != name.npos) return TensorType::kQ8_0;
  return name.find("embed") != name.npos ? TensorType::kQ8_0 : TensorType::kQ4_1;
}

const CpuBackend kBackend{at::TensorOptions().dtype(at::kFloat)};

absl::StatusOr<ModelWeights> LoadMixed(const BlocksCheckpoint& checkpoint, WeightType type) {
  return LoadWeights(checkpoint, kBackend, /*plain_lm_head=*/true, nullptr, type);
}

void ExpectNear(const at::Tensor& y, const at::Tensor& expected, double error) {
  const double size = expected.square().mean().sqrt().item<double>();
  EXPECT_LT((y - expected).square().mean().sqrt().item<double>(), error * size);
}

class StoredWeights : public ::testing::TestWithParam<bool> {};

TEST_P(StoredWeights, KeepTheBlocksThatTheyCan) {
  ModelConfig config = testing::TinyConfig();
  config.tied_embeddings = GetParam();
  const BlocksCheckpoint checkpoint(config, MixedType);
  const auto plain = LoadMixed(checkpoint, WeightType::kComputeType);
  const auto stored = LoadMixed(checkpoint, WeightType::kAsStored);
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(plain->num_plain, 3 * 7);
  EXPECT_EQ(stored->num_rounded, 3);
  EXPECT_EQ(stored->num_plain, 1);
  EXPECT_EQ(stored->num_stored, 3 * 7 - 3 - 1 + 1);
  EXPECT_TRUE(stored->embedding.equal(plain->embedding));

  at::manual_seed(11);
  const at::Tensor x = at::randn({5, config.width});
  for (int layer = 0; layer < config.num_layers; ++layer) {
    SCOPED_TRACE(layer);
    ExpectNear(stored->layers[layer].qkv->Multiply(x), plain->layers[layer].qkv->Multiply(x), 0.01);
    ExpectNear(stored->layers[layer].attention_out->Multiply(x),
               plain->layers[layer].attention_out->Multiply(x), 0.01);
    const at::Tensor wide = at::randn({5, config.ffn_width});
    ExpectNear(stored->layers[layer].down->Multiply(wide), plain->layers[layer].down->Multiply(wide),
               layer == 2 ? 1e-6 : 0.01);
    at::Tensor gated = at::empty({5, config.ffn_width}), expected = at::empty_like(gated);
    stored->layers[layer].gate_up->MultiplyGated(x, {}, config.activation, gated);
    plain->layers[layer].gate_up->MultiplyGated(x, {}, config.activation, expected);
    ExpectNear(gated, expected, 0.03);
  }
  ExpectNear(stored->lm_head->Multiply(x), plain->lm_head->Multiply(x), 0.01);
}

TEST_P(StoredWeights, AreRoundedToFewerBitsWhenAskedFor) {
  ModelConfig config = testing::TinyConfig();
  config.tied_embeddings = GetParam();
  const auto checkpoint = testing::MakeRandomCheckpoint(config, 62);
  const auto plain = LoadWeights(*checkpoint, kBackend, /*plain_lm_head=*/true, nullptr);
  ASSERT_TRUE(plain.ok()) << plain.status();
  at::manual_seed(12);
  const at::Tensor x = at::randn({5, config.width});
  for (const WeightType type : {WeightType::k8Bits, WeightType::k4Bits}) {
    const auto rounded = LoadWeights(*checkpoint, kBackend, /*plain_lm_head=*/true, nullptr, type);
    ASSERT_TRUE(rounded.ok()) << rounded.status();
    ExpectNear(rounded->layers[0].qkv->Multiply(x), plain->layers[0].qkv->Multiply(x),
               type == WeightType::k8Bits ? 0.02 : 0.12);
    EXPECT_FALSE(rounded->layers[0].qkv->Multiply(x).equal(plain->layers[0].qkv->Multiply(x)));
    ExpectNear(rounded->lm_head->Multiply(x), plain->lm_head->Multiply(x), 0.02);
  }
}

INSTANTIATE_TEST_SUITE_P(, StoredWeights, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Tied" : "WithAHeadOfTheirOwn"; });

}  // namespace
}  // namespace pass
