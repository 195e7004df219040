#include <algorithm>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/checkpoint/checkpoint.h"
#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace pass {
namespace {

using nlohmann::json;

constexpr const char kIndex[] = "model.safetensors.index.json";

// A folder with the tiny model, config changed by `change`.
absl::StatusOr<std::unique_ptr<Checkpoint>> OpenWith(const std::function<void(json&)>& change,
                                                     bool tied = false) {
  const TemporaryFolder folder;
  json config = TinyConfig(tied);
  change(config);
  folder.Write("config.json", config.dump());
  const TinyWeights weights = MakeTinyWeights(/*tied=*/false);
  EXPECT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, Views(weights)).ok());
  return OpenCheckpoint(folder.path());
}

// The tiny model in two shards and their index.
class Sharded : public testing::Test {
 protected:
  Sharded() : weights_(MakeTinyWeights(/*tied=*/false)) {
    folder_.Write("config.json", TinyConfig(/*tied=*/false).dump());
    const std::vector<TensorView> views = Views(weights_);
    const size_t half = views.size() / 2;
    WriteShard("model-00001-of-00002.safetensors", std::span(views).first(half));
    WriteShard("model-00002-of-00002.safetensors", std::span(views).subspan(half));
  }

  void WriteShard(const std::string& name, std::span<const TensorView> views) {
    ASSERT_TRUE(WriteSafetensors(folder_.Path(name), {}, views).ok());
    for (const TensorView& view : views) index_["weight_map"][view.name] = name;
  }

  absl::StatusOr<std::unique_ptr<Checkpoint>> Open() {
    folder_.Write(kIndex, index_.dump());
    return OpenCheckpoint(folder_.path());
  }

  TemporaryFolder folder_;
  TinyWeights weights_;
  json index_ = {{"metadata", {{"total_size", 1}}}};
};

TEST_F(Sharded, ReadsTensorsOfEveryShard) {
  const auto checkpoint = Open();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  for (const auto& [name, tensor] : weights_) {
    std::vector<float> values(tensor.values.size());
    ASSERT_TRUE((*checkpoint)->Read(name, tensor.shape, values).ok()) << name;
    EXPECT_EQ(values, tensor.values) << name;
  }
}

TEST_F(Sharded, HasTheFingerprintOfTheSameWeightsInOneFile) {
  const auto sharded = Open();
  ASSERT_TRUE(sharded.ok()) << sharded.status();
  const auto single = OpenWith([](json&) {});
  ASSERT_TRUE(single.ok()) << single.status();
  EXPECT_EQ((*sharded)->Fingerprint(), (*single)->Fingerprint());
}

TEST_F(Sharded, NamesAMissingShard) {
  index_["weight_map"]["extra.weight"] = "model-00003-of-00003.safetensors";
  ExpectRefused(Open().status(), absl::StatusCode::kNotFound,
                {"model-00003-of-00003.safetensors", "no such file"});
}

TEST_F(Sharded, NamesATensorThatOnlyTheIndexOrOnlyTheShardHas) {
  index_["weight_map"]["extra.weight"] = "model-00001-of-00002.safetensors";
  ExpectInvalid(Open().status(), {"model-00001", "'extra.weight' is missing", kIndex});
  index_["weight_map"].erase("extra.weight");
  index_["weight_map"].erase("model.norm.weight");
  ExpectInvalid(Open().status(), {"model-00002", "'model.norm.weight' is not in", kIndex});
}

TEST_F(Sharded, NamesATensorThatIsInTwoShards) {
  const std::vector<TensorView> views = Views(weights_);
  WriteShard("model-00002-of-00002.safetensors", views);
  index_["weight_map"][views[0].name] = "model-00001-of-00002.safetensors";
  ExpectInvalid(Open().status(), {"model-00001", "is not in", kIndex});
}

TEST_F(Sharded, RefusesAShardOutsideTheFolder) {
  for (const char* name : {"../model.safetensors", "/etc/passwd", "sub/model.safetensors", "model.bin", ""}) {
    json changed = index_;
    changed["weight_map"]["model.norm.weight"] = name;
    folder_.Write(kIndex, changed.dump());
    ExpectInvalid(OpenCheckpoint(folder_.path()).status(), {kIndex, "'model.norm.weight'", "this folder"});
  }
}

TEST_F(Sharded, RefusesAnIndexThatIsNone) {
  for (const char* text : {"{}", R"({"weight_map": []})", R"({"weight_map": {"a": 1}})", "[]", "{"}) {
    folder_.Write(kIndex, text);
    ExpectInvalid(OpenCheckpoint(folder_.path()).status(), {kIndex});
  }
}

TEST(HuggingFaceCheckpoint, NamesWhatIsMissingInTheFolder) {
  const TemporaryFolder folder;
  ExpectRefused(OpenCheckpoint(folder.path()).status(), absl::StatusCode::kNotFound,
                {"config.json", "no such file"});
  folder.Write("config.json", TinyConfig(/*tied=*/false).dump());
  ExpectRefused(OpenCheckpoint(folder.path()).status(), absl::StatusCode::kNotFound,
                {folder.path(), "model.safetensors", kIndex});
}

TEST(HuggingFaceCheckpoint, UsesAStoredHeadThatIsNotTheTableThoughTheConfigTiesThem) {
  const auto checkpoint = OpenWith([](json&) {}, /*tied=*/true);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_FALSE((*checkpoint)->config().tied_embeddings);
  const TinyTensor head = MakeTinyWeights(/*tied=*/false)["lm_head.weight"];
  std::vector<float> values(head.values.size());
  ASSERT_TRUE((*checkpoint)->Read("lm_head.weight", head.shape, values).ok());
  EXPECT_EQ(values, head.values);
}

TEST(HuggingFaceCheckpoint, IgnoresATiedHeadThatIsStoredTwice) {
  const TemporaryFolder folder;
  folder.Write("config.json", TinyConfig(/*tied=*/true).dump());
  TinyWeights weights = MakeTinyWeights(/*tied=*/true);
  weights["lm_head.weight"] = weights["model.embed_tokens.weight"];
  ASSERT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, Views(weights)).ok());
  const auto checkpoint = OpenCheckpoint(folder.path());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_TRUE((*checkpoint)->config().tied_embeddings);
  EXPECT_FALSE((*checkpoint)->Has("lm_head.weight"));
}

TEST(HuggingFaceCheckpoint, IgnoresOldRotaryBuffers) {
  const TemporaryFolder folder;
  folder.Write("config.json", TinyConfig(/*tied=*/false).dump());
  TinyWeights weights = MakeTinyWeights(/*tied=*/false);
  weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = {.shape = {4}, .values = {1, 2, 3, 4}};
  ASSERT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, Views(weights)).ok());
  EXPECT_TRUE(OpenCheckpoint(folder.path()).ok()) << OpenCheckpoint(folder.path()).status();
}

// transformers 4 and 5 name the tensors of a model of several parts differently; tools that rename have left both.
TEST(HuggingFaceCheckpoint, NamesATensorThatIsStoredUnderTwoNames) {
  const TemporaryFolder folder;
  json text = TinyConfig(/*tied=*/false);
  text["model_type"] = "mistral";
  folder.Write("config.json", json{{"model_type", "mistral3"}, {"text_config", text}}.dump());
  TinyWeights weights;
  for (const auto& [name, tensor] : MakeTinyWeights(/*tied=*/false))
    weights["language_model." + name] = tensor;
  const auto write = [&folder](const std::string& name, const TinyWeights& part) {
    ASSERT_TRUE(WriteSafetensors(folder.Path(name), {}, Views(part)).ok());
  };
  write("model.safetensors", weights);
  EXPECT_TRUE(OpenCheckpoint(folder.path()).ok()) << OpenCheckpoint(folder.path()).status();
  const TinyWeights again = {{"lm_head.weight", weights["language_model.lm_head.weight"]}};
  TinyWeights both = weights;
  both.insert(again.begin(), again.end());
  write("model.safetensors", both);
  ExpectInvalid(OpenCheckpoint(folder.path()).status(),
                {"model.safetensors", "'lm_head.weight' is stored twice", "save_pretrained"});
  std::filesystem::remove(folder.Path("model.safetensors"));
  json index;
  for (const auto& [shard, part] : {std::pair("a.safetensors", weights), std::pair("b.safetensors", again)}) {
    write(shard, part);
    for (const auto& [name, tensor] : part) index["weight_map"][name] = shard;
  }
  folder.Write(kIndex, index.dump());
  ExpectInvalid(OpenCheckpoint(folder.path()).status(),
                {"b.safetensors: tensor 'lm_head.weight' is stored twice", "a.safetensors"});
}

TEST(HuggingFaceCheckpoint, RefusesAWeightOfIntegers) {
  const TemporaryFolder folder;
  folder.Write("config.json", TinyConfig(/*tied=*/false).dump());
  const TinyWeights weights = MakeTinyWeights(/*tied=*/false);
  std::vector<TensorView> views = Views(weights);
  views.front().type = TensorType::kI32;
  ASSERT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, views).ok());
  ExpectInvalid(OpenCheckpoint(folder.path()).status(), {"'" + views.front().name + "' holds integers"});
}

TEST(HuggingFaceCheckpoint, NamesATensorThatIsMissingSurplusOrOfAnotherShape) {
  const auto open = [](const std::function<void(TinyWeights&)>& change) {
    const TemporaryFolder folder;
    folder.Write("config.json", TinyConfig(/*tied=*/false).dump());
    TinyWeights weights = MakeTinyWeights(/*tied=*/false);
    change(weights);
    EXPECT_TRUE(WriteSafetensors(folder.Path("model.safetensors"), {}, Views(weights)).ok());
    return OpenCheckpoint(folder.path()).status();
  };
  ExpectInvalid(open([](TinyWeights& w) { w.erase("lm_head.weight"); }), {"'lm_head.weight' is missing"});
  ExpectInvalid(
      open([](TinyWeights& w) { w["model.layers.0.self_attn.q_proj.bias"] = w["model.norm.weight"]; }),
      {"model.safetensors", "'model.layers.0.self_attn.q_proj.bias'",
       "no weight that the step of this llama has a use for"});
  static constexpr char kLora[] = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
  ExpectInvalid(open([](TinyWeights& w) {
                  const TinyTensor one = w["model.norm.weight"];
                  w = {{kLora, one}};
                }),
                {"model.safetensors", kLora, "part of an adapter (LoRA); merge it"});
  ExpectInvalid(open([](TinyWeights& w) { std::ranges::reverse(w["lm_head.weight"].shape); }),
                {"model.safetensors", "'lm_head.weight' has shape [32, 8]", "asks for [8, 32]"});
}

TEST(HuggingFaceConfig, ReadsLlama3ScalingAsEitherTransformersWritesIt) {
  const json scaling = {{"rope_type", "llama3"},
                        {"factor", 32.0},
                        {"low_freq_factor", 1.0},
                        {"high_freq_factor", 4.0},
                        {"original_max_position_embeddings", 8192}};
  const auto older = OpenWith([&](json& config) {
    config["rope_scaling"] = scaling;
    config["rope_theta"] = 500000.0;
  });
  const auto newer = OpenWith([&](json& config) {
    config.erase("rope_scaling");
    config.erase("rope_theta");
    config["rope_parameters"] = scaling;
    config["rope_parameters"]["rope_theta"] = 500000.0;
  });
  for (const auto* checkpoint : {&older, &newer}) {
    ASSERT_TRUE(checkpoint->ok()) << checkpoint->status();
    const ModelConfig& config = (**checkpoint)->config();
    EXPECT_EQ(config.ropes[0].theta, 500000.0);
    ASSERT_TRUE(config.ropes[0].llama3.has_value());
    EXPECT_EQ(config.ropes[0].llama3->factor, 32.0);
    EXPECT_EQ(config.ropes[0].llama3->original_context_length, 8192);
  }
}

TEST(HuggingFaceConfig, ReadsLinearRopeScaling) {
  const auto checkpoint = OpenWith([](json& config) {
    config["rope_scaling"] = {{"type", "linear"}, {"factor", 2.0}};
  });
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->config().ropes[0].linear_factor, 2.0);
  EXPECT_FALSE((*checkpoint)->config().ropes[0].llama3.has_value());
}

TEST(HuggingFaceConfig, RefusesFeaturesByName) {
  const std::vector<std::pair<json, std::string>> cases = {
      {{{"model_type", "plamo"}}, "model_type 'plamo' is not served; use a model of one that is: llama"},
      {{{"model_type", "qwen3_moe"}}, "'qwen3_moe' is not served: its layers choose among experts"},
      {{{"model_type", "lfm2"}}, "'lfm2' is not served: its layers carry a recurrent state"},
      {{{"model_type", nullptr}}, "model_type '(none)'"},
      {{{"architectures", {"LlamaForSequenceClassification"}}}, "architectures"},
      {{{"hidden_act", "gelu"}}, "hidden_act is 'gelu'"},
      {{{"mlp_bias", true}}, "mlp_bias is true"},
      {{{"sliding_window", 4096}}, "sliding_window is set"},
      {{{"quantization_config", {{"quant_method", "gptq"}}}}, "quantization_config is set"},
      {{{"partial_rotary_factor", 0.5}}, "partial_rotary_factor"},
      {{{"rope_scaling", {{"rope_type", "longrope"}}}}, "rope_scaling of type 'longrope'"},
      {{{"rope_scaling", {{"rope_type", "yarn"}, {"factor", -2.0}}}}, "YaRN with factor -2"},
      {{{"rope_scaling", {{"type", "dynamic"}, {"factor", 2.0}}}}, "rope_scaling of type 'dynamic'"},
      {{{"rope_scaling", {{"type", "linear"}}}}, "factor is missing"},
      {{{"rope_scaling", {{"type", "linear"}, {"factor", 0.0}}}}, "factor of 0 has no meaning"},
      {{{"rope_scaling", {{"rope_type", "llama3"}}}}, "factor is missing"},
      {{{"rope_scaling", 2}}, "rope_scaling is not an object"}};
  for (const auto& [change, words] : cases) {
    ExpectInvalid(OpenWith([&](json& config) { config.update(change); }).status(), {"config.json", words});
  }
}

TEST(HuggingFaceConfig, WithBiasesAsksForTheirTensors) {
  const auto checkpoint = OpenWith([](json& config) { config["attention_bias"] = true; });
  ExpectInvalid(checkpoint.status(), {"'model.layers.0.self_attn.q_proj.bias' is missing"});
}

TEST(HuggingFaceConfig, TakesTheDefaultsOfTransformersForWhatIsAbsent) {
  const auto checkpoint = OpenWith([](json& config) {
    for (const char* key : {"rms_norm_eps", "max_position_embeddings", "rope_theta", "hidden_act",
                            "attention_bias", "mlp_bias", "architectures"}) {
      config.erase(key);
    }
  });
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->config().rms_epsilon, 1e-6);
  EXPECT_EQ((*checkpoint)->config().context_length, 2048);
  EXPECT_EQ((*checkpoint)->config().ropes[0].theta, 10000.0);
  const std::vector<std::pair<std::string, std::string>> sizes = {
      {"vocab_size", "asks for [32000, 32]"},
      {"hidden_size", "asks for [8, 4096]"},
      {"intermediate_size", "asks for [11008, 32]"},
      {"num_hidden_layers", "'model.layers.2.input_layernorm.weight' is missing"},
      {"num_key_value_heads", "asks for [32, 32]"}};
  for (const auto& [key, words] : sizes) {
    ExpectInvalid(OpenWith([&](json& config) { config.erase(key); }).status(), {words});
  }
}

TEST(HuggingFaceConfig, TakesAWholeNumberThatIsWrittenAsAFraction) {
  const auto checkpoint = OpenWith([](json& config) {
    config["hidden_size"] = 32.0;
    config["num_attention_heads"] = 4.0;
    config["max_position_embeddings"] = 1.28e2;
  });
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->config().width, 32);
  EXPECT_EQ((*checkpoint)->config().context_length, 128);
  ExpectInvalid(OpenWith([](json& config) { config["hidden_size"] = 32.5; }).status(),
                {"config.json", "hidden_size must be a whole number", "not '32.5'; correct it"});
  ExpectInvalid(OpenWith([](json& config) { config["hidden_size"] = 1e300; }).status(),
                {"config.json", "hidden_size must be a whole number"});
}

TEST(HuggingFaceConfig, NamesASizeThatIsAbsurd) {
  for (const char* key : {"vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers",
                          "num_attention_heads", "max_position_embeddings", "rms_norm_eps"}) {
    ExpectInvalid(OpenWith([&](json& config) { config[key] = "many"; }).status(), {"config.json", key});
    ExpectInvalid(OpenWith([&](json& config) { config[key] = 0; }).status(), {"config.json"});
    ExpectInvalid(OpenWith([&](json& config) { config[key] = -4; }).status(), {"config.json"});
  }
  ExpectInvalid(OpenWith([](json& config) { config["num_hidden_layers"] = 2147483647; }).status(),
                {"config.json", "number of layers is 2147483647"});
  ExpectInvalid(OpenWith([](json& config) { config["num_key_value_heads"] = 3; }).status(),
                {"config.json", "4 heads cannot share 3"});
  ExpectInvalid(OpenWith([](json& config) { config["head_dim"] = 7; }).status(),
                {"config.json", "even number"});
  ExpectInvalid(OpenWith([](json& config) { config["hidden_size"] = 64; }).status(),
                {"has shape", "asks for"});
}

TEST(HuggingFaceConfig, RefusesRopeScalingWithoutMeaning) {
  const auto with = [](double factor, double low, double high, int64_t original) {
    return OpenWith([&](json& config) {
             config["rope_scaling"] = {{"rope_type", "llama3"},
                                       {"factor", factor},
                                       {"low_freq_factor", low},
                                       {"high_freq_factor", high},
                                       {"original_max_position_embeddings", original}};
           })
        .status();
  };
  EXPECT_TRUE(with(8, 1, 4, 8192).ok());
  ExpectInvalid(with(0, 1, 4, 8192), {"config.json", "no meaning"});
  ExpectInvalid(with(8, 4, 4, 8192), {"no meaning"});
  ExpectInvalid(with(8, 1, 4, 0), {"original context length is 0"});
}

}  // namespace
}  // namespace pass
