// What config.json of each architecture is read as, and what is refused. The weights and the step are compared with
// transformers in tests/core/model/families_test.py.
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/checkpoint/hf_config.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/support/gguf_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

using nlohmann::json;

absl::StatusOr<HfConfig> Read(const json& config) {
  const TemporaryFolder folder;
  return ReadHuggingFaceConfig(folder.Write("config.json", config.dump()));
}

ModelConfig MustRead(const json& config) {
  const auto read = Read(config);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? read->config : ModelConfig();
}

std::vector<int32_t> Windows(const ModelConfig& config) {
  std::vector<int32_t> windows;
  for (int i = 0; i < config.num_layers; ++i) windows.push_back(config.layer(i).window);
  return windows;
}

std::vector<int> Ropes(const ModelConfig& config) {
  std::vector<int> ropes;
  for (int i = 0; i < config.num_layers; ++i) ropes.push_back(config.layer(i).rope);
  return ropes;
}

using WindowList = std::vector<int32_t>;
using RopeList = std::vector<int>;

TEST(Architectures, MistralHasAWindowInEveryLayerOrNone) {
  json config = {{"model_type", "mistral"}, {"num_hidden_layers", 2}, {"sliding_window", 16}};
  EXPECT_EQ(Windows(MustRead(config)), (WindowList{16, 16}));
  EXPECT_EQ(MustRead(config).architecture, "llama");
  EXPECT_EQ(MustRead(config).num_kv_heads, 8);
  config["sliding_window"] = nullptr;
  EXPECT_EQ(Windows(MustRead(config)), (WindowList{0, 0}));
}

TEST(Architectures, Qwen2HasBiasesAndAWindowOnlyIfItIsInUse) {
  json config = {{"model_type", "qwen2"}, {"num_hidden_layers", 3}, {"sliding_window", 16}};
  config["max_window_layers"] = 2;
  EXPECT_TRUE(MustRead(config).qkv_bias);
  EXPECT_FALSE(MustRead(config).attention_out_bias);
  EXPECT_EQ(Windows(MustRead(config)), (WindowList{0, 0, 0}));
  config["use_sliding_window"] = true;
  EXPECT_EQ(Windows(MustRead(config)), (WindowList{0, 0, 16}));
  config["layer_types"] = {"sliding_attention", "full_attention", "full_attention"};
  EXPECT_EQ(Windows(MustRead(config)), (WindowList{16, 0, 0}));
  config["layer_types"] = {"chunked_attention", "full_attention", "full_attention"};
  ExpectInvalid(Read(config).status(), {"config.json", "layer_types has 'chunked_attention'"});
  config["layer_types"] = {"full_attention"};
  ExpectInvalid(Read(config).status(), {"layer_types has 1 elements for 3 layers"});
  config["layer_types"] = 3;
  ExpectInvalid(Read(config).status(), {"layer_types must be a list"});
}

TEST(Architectures, Qwen3NormsHeadsOfAWidthOfTheirOwn) {
  const ModelConfig config = MustRead({{"model_type", "qwen3"}, {"attention_bias", true}});
  EXPECT_EQ(config.qk_norm, QkNorm::kHead);
  EXPECT_EQ(config.head_dim, 128);
  EXPECT_TRUE(config.qkv_bias);
  EXPECT_TRUE(config.attention_out_bias);
}

TEST(Architectures, Gemma3HasTwoRotationsAsEitherTransformersWritesThem) {
  json older = {{"model_type", "gemma3_text"}, {"num_hidden_layers", 7},      {"sliding_window", 512},
                {"hidden_size", 64},           {"query_pre_attn_scalar", 64}, {"rope_theta", 2e6},
                {"rope_local_base_freq", 2e4}, {"sliding_window_pattern", 3}};
  older["rope_scaling"] = {{"rope_type", "linear"}, {"factor", 8.0}};
  json newer = older;
  for (const char* key : {"rope_theta", "rope_local_base_freq", "rope_scaling"}) newer.erase(key);
  newer["rope_parameters"] = {
      {"full_attention", {{"rope_type", "linear"}, {"factor", 8.0}, {"rope_theta", 2e6}}},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}};
  for (const json& form : {older, newer}) {
    const ModelConfig config = MustRead(form);
    EXPECT_EQ(config.norm_placement, NormPlacement::kSandwich);
    EXPECT_EQ(config.activation, Activation::kGeluTanh);
    EXPECT_EQ(config.embedding_multiplier, 8.0);
    EXPECT_EQ(config.attention_scale, 0.125);
    EXPECT_TRUE(config.tied_embeddings);
    EXPECT_EQ(Windows(config), (WindowList{512, 512, 0, 512, 512, 0, 512}));
    EXPECT_EQ(Ropes(config), (RopeList{1, 1, 0, 1, 1, 0, 1}));
    ASSERT_EQ(config.ropes.size(), 2U);
    EXPECT_EQ(config.ropes[0].theta, 2e6);
    EXPECT_EQ(config.ropes[0].linear_factor, 8.0);
    EXPECT_EQ(config.ropes[1].theta, 2e4);
    EXPECT_EQ(config.ropes[1].linear_factor, 1.0);
  }
  older["use_bidirectional_attention"] = true;
  ExpectInvalid(Read(older).status(), {"use_bidirectional_attention is true"});
}

TEST(Architectures, SmolLm3DoesNotRotateInEveryFourthLayer) {
  json config = {{"model_type", "smollm3"}, {"num_hidden_layers", 5}};
  EXPECT_EQ(Ropes(MustRead(config)), (RopeList{0, 0, 0, kNoRope, 0}));
  EXPECT_EQ(MustRead(config).ropes[0].theta, 2e6);
  config["no_rope_layers"] = {0, 1, 1, 1, 1};
  EXPECT_EQ(Ropes(MustRead(config)), (RopeList{kNoRope, 0, 0, 0, 0}));
}

TEST(Architectures, GraniteHasMultipliers) {
  json config = {{"model_type", "granite"},
                 {"embedding_multiplier", 12.0},
                 {"residual_multiplier", 0.25},
                 {"attention_multiplier", 0.0625},
                 {"logits_scaling", 8.0}};
  const ModelConfig read = MustRead(config);
  EXPECT_EQ(read.embedding_multiplier, 12.0);
  EXPECT_EQ(read.residual_multiplier, 0.25);
  EXPECT_EQ(read.attention_scale, 0.0625);
  EXPECT_EQ(read.logits_multiplier, 0.125);
  config["logits_scaling"] = 0;
  ExpectInvalid(Read(config).status(), {"logits_scaling must be above 0"});
  config["logits_scaling"] = 8;
  config["residual_multiplier"] = -1;
  ExpectInvalid(Read(config).status(), {"residual (-1)", "must be positive"});
}

TEST(Architectures, Ministral3GrowsItsQueriesAndCancelsYarnsMagnitude) {
  json config = {{"model_type", "ministral3"}};
  ExpectInvalid(Read(config).status(), {"rope_parameters is missing"});
  config["rope_parameters"] = {
      {"rope_type", "yarn"}, {"factor", 16.0},        {"original_max_position_embeddings", 128},
      {"mscale", 1.0},       {"mscale_all_dim", 1.0}, {"llama_4_scaling_beta", 0.1}};
  const ModelConfig read = MustRead(config);
  EXPECT_EQ(read.architecture, "mistral3");
  ASSERT_TRUE(read.ropes[0].yarn.has_value());
  EXPECT_EQ(read.ropes[0].yarn->attention_factor, 1.0);
  ASSERT_TRUE(read.query_scaling.has_value());
  EXPECT_EQ(read.query_scaling->beta, 0.1f);
  EXPECT_EQ(read.query_scaling->original_context_length, 128);
}

TEST(Architectures, YarnWithoutExponentsHasTheMagnitudeOfItsFactor) {
  json config = {{"model_type", "qwen2"}, {"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}};
  EXPECT_NEAR(MustRead(config).ropes[0].yarn->attention_factor, 0.1 * std::log(4.0) + 1.0, 1e-12);
  config["rope_scaling"]["attention_factor"] = 1.5;
  EXPECT_EQ(MustRead(config).ropes[0].yarn->attention_factor, 1.5);
}

TEST(Architectures, ATextModelIsFoundInAModelOfSeveralParts) {
  json config = {{"model_type", "mistral3"},
                 {"architectures", {"Mistral3ForConditionalGeneration"}},
                 {"text_config", {{"model_type", "mistral"}, {"num_hidden_layers", 2}}}};
  const auto read = Read(config);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->has_other_parts);
  EXPECT_EQ(read->config.num_layers, 2);
  // gemma-3-4b names its text model's type nowhere in older files.
  config = {{"model_type", "gemma3"}, {"text_config", {{"num_hidden_layers", 6}}}};
  EXPECT_EQ(MustRead(config).architecture, "gemma3");
}

TEST(Architectures, AnotherClassOfAServedFamilyIsRefused) {
  ExpectInvalid(
      Read({{"model_type", "qwen2"}, {"architectures", {"Qwen2ForSequenceClassification"}}}).status(),
      {"config.json", "architectures must be Qwen2ForCausalLM"});
}

TEST(Architectures, EveryFamilyIsInTheListOfThoseServed) {
  const std::string message(Read({{"model_type", "plamo"}}).status().message());
  for (const char* name :
       {"llama", "qwen2", "qwen3", "gemma2", "gemma3", "smollm3", "granite", "mistral3", "olmo2"}) {
    EXPECT_NE(message.find(name), message.npos) << name;
  }
}

TEST(Architectures, AGgufFileOfAnotherFamilyLacksThatFamilysTensors) {
  // The tiny Llama under other names: what is missing is named.
  const std::vector<std::pair<std::string, std::string>> missing = {
      {"qwen2", "'blk.0.attn_q.bias' is missing"},
      {"qwen3", "'blk.0.attn_q_norm.weight' is missing"},
      {"gemma3", "'blk.0.post_attention_norm.weight' is missing"},
      {"olmo2", "'blk.0.post_attention_norm.weight' is missing"}};
  for (const auto& [name, words] : missing) {
    GgufBuilder builder;
    builder.AddString("general.architecture", name);
    for (const auto& [key, value] :
         std::vector<std::pair<std::string, uint32_t>>{{".block_count", 2},
                                                       {".context_length", 128},
                                                       {".embedding_length", 32},
                                                       {".feed_forward_length", 64},
                                                       {".attention.head_count", 4},
                                                       {".attention.head_count_kv", 2}}) {
      builder.AddUint32(name + key, value);
    }
    builder.tensors = TinyGguf(MakeTinyWeights(/*tied=*/false)).tensors;
    const TemporaryFolder folder;
    ExpectInvalid(OpenCheckpoint(folder.Write("tiny.gguf", builder.Build())).status(), {"tiny.gguf", words});
  }
}

}  // namespace
}  // namespace pass
