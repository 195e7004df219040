#include "tests/core/model/random_model.h"

#include <ATen/ATen.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <random>

#include "core/base/check.h"
#include "core/kernels/attention_plan.h"
#include "core/model/backend/backend.h"
#include "core/model/backend/cuda/kernels/emulated_kernels.h"
#include "core/model/backend/cuda/kernels/targets.h"
#include "core/model/lookahead/lookahead_tensors.h"

namespace pass::testing {
namespace {

class RandomCheckpoint final : public Checkpoint {
 public:
  RandomCheckpoint(const ModelConfig& config, uint64_t seed) : config_(config), seed_(seed) {}

  const ModelConfig& config() const override { return config_; }
  const std::string& name() const override { return name_; }
  std::string Fingerprint() const override { return std::string(32, '0'); }
  bool Has(std::string_view) const override { return true; }
  absl::Status ReadRows(std::string_view tensor, std::span<const int64_t> shape, int64_t begin, int64_t end,
                        TakeRow take) const override {
    const bool norm = tensor.find("norm") != tensor.npos;
    std::normal_distribution<float> values(norm ? 1.0f : 0.0f,
                                           norm ? 0.1f
                                           : shape.size() == 1
                                               ? 0.5f  // a bias
                                               : 1.0f / std::sqrt(static_cast<float>(shape.back())));
    std::vector<float> row(static_cast<size_t>(shape.back()));
    for (int64_t r = begin; r < end; ++r) {
      std::mt19937_64 generator(seed_ ^ std::hash<std::string_view>()(tensor) ^
                                static_cast<uint64_t>(r) << 32);
      values.reset();
      for (float& value : row) value = values(generator);
      take(r, row);
    }
    return absl::OkStatus();
  }
  std::optional<StoredRows> Stored(std::string_view) const override { return std::nullopt; }

 private:
  ModelConfig config_;
  uint64_t seed_;
  std::string name_ = "random";
};

}  // namespace

ModelConfig TinyConfig() {
  return {.vocab_size = 96,
          .width = 64,
          .ffn_width = 96,
          .num_layers = 3,
          .num_heads = 4,
          .num_kv_heads = 2,
          .head_dim = 16,
          .context_length = 256,
          .tied_embeddings = false};
}

ModelConfig SmolLmWidths() {
  return {.vocab_size = 512,
          .width = 576,
          .ffn_width = 1536,
          .num_layers = 2,
          .num_heads = 9,
          .num_kv_heads = 3,
          .head_dim = 64,
          .context_length = 512,
          .ropes = {{.theta = 100000.0}},
          .tied_embeddings = true};
}

ModelConfig SandwichConfig() {
  ModelConfig config = TinyConfig();
  config.architecture = "gemma3";
  config.num_heads = 3;
  config.num_kv_heads = 1;
  config.head_dim = 32;
  config.ropes = {{.theta = 1e6, .linear_factor = 8.0}, {.theta = 10000.0}};
  config.layers = {{.window = 11, .rope = 1}, {.window = 0, .rope = 0}, {.window = 11, .rope = 1}};
  config.norm_placement = NormPlacement::kSandwich;
  config.qk_norm = QkNorm::kHead;
  config.activation = Activation::kGeluTanh;
  config.embedding_multiplier = 8.0;
  config.attention_scale = 0.2;
  config.attention_softcap = 5.0;
  config.logits_softcap = 4.0;
  config.tied_embeddings = true;
  return config;
}

ModelConfig ScaledConfig() {
  ModelConfig config = TinyConfig();
  config.architecture = "granite";
  config.width = 80;
  config.ffn_width = 112;
  config.num_heads = 6;
  config.rotary_dim = 8;
  config.layers = {{}, {.rope = kNoRope}, {.window = 20}};
  config.embedding_multiplier = 12.0;
  config.residual_multiplier = 0.22;
  config.attention_scale = 0.3;
  config.logits_multiplier = 0.125;
  return config;
}

ModelConfig PostNormConfig() {
  ModelConfig config = TinyConfig();
  config.architecture = "olmo2";
  config.head_dim = 48;
  config.ropes[0].yarn =
      YarnRopeScaling{.factor = 4.0, .attention_factor = 1.1, .original_context_length = 32};
  config.norm_placement = NormPlacement::kPost;
  config.qk_norm = QkNorm::kWhole;
  config.qkv_bias = true;
  config.attention_out_bias = true;
  config.query_scaling = QueryScaling{.beta = 0.1, .original_context_length = 16};
  return config;
}

LookaheadTokens MakeRandomLookahead(const ModelConfig& config, const RandomLookahead& sizes, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> normal;
  // Values of variance 1 / columns, cut off to bf16.
  const auto matrix = [&](int64_t rows, int64_t columns) {
    Bf16Matrix result{.rows = rows, .columns = columns, .values = {}};
    for (int64_t i = 0; i < rows * columns; ++i) {
      const float value = normal(generator) / std::sqrt(static_cast<float>(columns));
      result.values.push_back(static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16));
    }
    return result;
  };
  LookaheadTokens tokens;
  tokens.facts = FactsOf(config);
  tokens.facts.num_lookahead = sizes.count;
  for (int64_t i = 0; i < sizes.count * config.width; ++i) tokens.embeddings.push_back(normal(generator) / 2);
  for (int layer = 0; layer < config.num_layers && sizes.rank > 0; ++layer) {
    LayerAdapter adapter;
    for (const AdaptedLinear& linear : AdaptedLinears(config)) {
      adapter.*linear.adapter = {matrix(sizes.rank, linear.in), matrix(linear.out, sizes.rank)};
    }
    tokens.adapter.push_back(std::move(adapter));
  }
  if (sizes.hidden > 0) {
    tokens.head = {.w1 = matrix(sizes.hidden, 2 * config.width),
                   .w2 = matrix(config.width, sizes.hidden),
                   .frequent_tokens = {}};
    for (int32_t id = 0; id < config.vocab_size; id += 3) tokens.head->frequent_tokens.push_back(id);
  }
  return tokens;
}

std::string TestDevice() {
  const char* name = std::getenv("PASS_TEST_DEVICE");
  return name == nullptr ? "cpu" : name;
}

std::unique_ptr<Checkpoint> MakeRandomCheckpoint(const ModelConfig& config, uint64_t seed) {
  return std::make_unique<RandomCheckpoint>(config, seed);
}

namespace {

std::unique_ptr<Transformer> OnBackend(const ModelConfig& config, std::unique_ptr<Backend> backend,
                                       ComputeType type, uint64_t seed, const RandomLookahead& lookahead,
                                       int64_t kv_pages, WeightType weight_type, std::string device) {
  const RandomCheckpoint checkpoint(config, seed);
  auto weights = LoadWeights(checkpoint, *backend, /*plain_lm_head=*/true, nullptr, weight_type);
  PASS_CHECK(weights.ok());
  const int64_t page_bytes = KvCache::PageBytes(config, type == ComputeType::kBf16 ? 2 : 4);
  constexpr int kMaxRows = 256;
  KvCache cache(config, *backend, kv_pages * page_bytes, kMaxRows);
  const LookaheadTokens tokens = MakeRandomLookahead(config, lookahead, seed + 1);
  const ModelInfo info{.name = "random",
                       .architecture = config.architecture,
                       .dtype = type == ComputeType::kBf16 ? "bf16" : "fp32",
                       .device = std::move(device),
                       .fingerprint = checkpoint.Fingerprint(),
                       .vocab_size = config.vocab_size,
                       .context_length = config.context_length,
                       .num_layers = config.num_layers,
                       .width = static_cast<int>(config.width),
                       .num_lookahead = lookahead.count,
                       .has_adapter = lookahead.rank > 0,
                       .has_head = lookahead.hidden > 0,
                       .shortlist_size = static_cast<int>(std::min<int64_t>(128, config.vocab_size)),
                       .max_batch_rows = kMaxRows};
  LookaheadWeights lookahead_weights = MakeLookaheadWeights(tokens, *backend, *weights);
  return std::make_unique<Transformer>(config, info, std::move(backend), *std::move(weights),
                                       std::move(lookahead_weights), std::move(cache), /*num_threads=*/2);
}

}  // namespace

std::unique_ptr<Transformer> MakeRandomModel(const ModelConfig& config, ComputeType type, uint64_t seed,
                                             const RandomLookahead& lookahead, int64_t kv_pages,
                                             WeightType weight_type, std::string device) {
  if (weight_type != WeightType::kComputeType) device = "cpu";
  cuda::emulated_kernels = &cuda::emulated::kKernels;
  auto backend = MakeBackend(device, type);
  PASS_CHECK(backend.ok());
  return OnBackend(config, *std::move(backend), type, seed, lookahead, kv_pages, weight_type, device);
}

std::unique_ptr<Transformer> MakeRandomModel(const ModelConfig& config, std::unique_ptr<Backend> backend) {
  return OnBackend(config, std::move(backend), ComputeType::kFp32, /*seed=*/1, /*lookahead=*/{},
                   /*kv_pages=*/64, WeightType::kComputeType, "given");
}

}  // namespace pass::testing
