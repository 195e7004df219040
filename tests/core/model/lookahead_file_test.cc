#include "core/model/lookahead_file.h"

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/files/safetensors.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using Metadata = std::map<std::string, std::string, std::less<>>;

constexpr const char kFingerprint[] = "0123456789abcdef0123456789abcdef";

LlamaConfig Config() {
  LlamaConfig config;
  config.vocab_size = 8;
  config.width = 3;
  config.ffn_width = 4;
  config.num_layers = 2;
  config.num_heads = 4;
  config.num_kv_heads = 1;
  config.head_dim = 2;
  config.context_length = 16;
  return config;
}

LookaheadTokens Tokens() {
  LookaheadTokens tokens;
  tokens.facts = FactsOf(Config());
  tokens.facts.num_lookahead = 2;
  tokens.facts.base_fingerprint = kFingerprint;
  tokens.facts.base_model = "Tiny Llama";
  tokens.facts.recipe = "by hand";
  tokens.embeddings = {1, 2, 3, -4, 5e-20f, 0.1f};
  return tokens;
}

// A file with this metadata and one tensor, whatever they say.
class LookaheadFile : public testing::Test {
 protected:
  LookaheadFile() {
    EXPECT_TRUE(WriteLookaheadFile(path_, Tokens()).ok());
    metadata_ = (*SafetensorsFile::Open(path_))->metadata();
    const std::vector<float>& values = embeddings_;
    view_ = {.name = "lookahead.embeddings",
             .type = TensorType::kF32,
             .shape = {2, 3},
             .data = std::as_bytes(std::span(values))};
  }

  absl::Status Read() {
    EXPECT_TRUE(WriteSafetensors(path_, metadata_, std::span(&view_, 1)).ok());
    return ReadLookaheadFile(path_, Config(), kFingerprint).status();
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.Path("tiny.lookahead.safetensors");
  Metadata metadata_;
  std::vector<float> embeddings_ = Tokens().embeddings;
  TensorView view_;
};

TEST_F(LookaheadFile, ReadsBackWhatWasWritten) {
  const auto loaded = ReadLookaheadFile(path_, Config(), kFingerprint);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->warning, "");
  EXPECT_EQ(loaded->tokens.embeddings, Tokens().embeddings);
  EXPECT_EQ(loaded->tokens.facts.num_lookahead, 2);
  EXPECT_EQ(loaded->tokens.facts.base_model, "Tiny Llama");
  EXPECT_EQ(loaded->tokens.facts.recipe, "by hand");
  EXPECT_EQ(loaded->tokens.facts.base_fingerprint, kFingerprint);
}

TEST_F(LookaheadFile, WarnsOfOtherWeightsButLoads) {
  const auto loaded = ReadLookaheadFile(path_, Config(), "ffff");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warning, testing::HasSubstr("tiny.lookahead.safetensors"));
  EXPECT_THAT(loaded->warning, testing::HasSubstr(kFingerprint));
  EXPECT_THAT(loaded->warning, testing::HasSubstr("'ffff'"));
}

TEST_F(LookaheadFile, IsRefusedForAModelOfAnotherShapeNamingTheField) {
  const std::vector<std::pair<std::string, std::function<void(LlamaConfig&)>>> changes = {
      {"width is 3, the model's is 5", [](LlamaConfig& c) { c.width = 5; }},
      {"layers is 2, the model's is 3", [](LlamaConfig& c) { c.num_layers = 3; }},
      {"heads is 4, the model's is 8", [](LlamaConfig& c) { c.num_heads = 8; }},
      {"kv_heads is 1, the model's is 2", [](LlamaConfig& c) { c.num_kv_heads = 2; }},
      {"vocabulary is 8, the model's is 9", [](LlamaConfig& c) { c.vocab_size = 9; }}};
  for (const auto& [words, change] : changes) {
    LlamaConfig config = Config();
    change(config);
    ExpectInvalid(ReadLookaheadFile(path_, config, kFingerprint).status(),
                  {"tiny.lookahead.safetensors", words, "learned on this model"});
  }
  metadata_["architecture"] = "mamba";
  ExpectInvalid(Read(), {"architecture is 'mamba', the model's is 'llama'"});
}

TEST_F(LookaheadFile, NamesMetadataThatIsMissing) {
  const Metadata whole = metadata_;
  EXPECT_EQ(whole.size(), 12u);
  for (const auto& [key, value] : whole) {
    metadata_ = whole;
    metadata_.erase(key);
    ExpectInvalid(Read(), {"tiny.lookahead.safetensors", "metadata " + key + " is missing"});
  }
}

TEST_F(LookaheadFile, NamesANumberThatIsNone) {
  const Metadata whole = metadata_;
  for (const char* key : {"width", "layers", "heads", "kv_heads", "vocabulary", "num_lookahead"}) {
    for (const char* value : {"", "0", "-1", "x", "1.5", "99999999999999999999"}) {
      metadata_ = whole;
      metadata_[key] = value;
      ExpectInvalid(Read(),
                    {std::string("metadata ") + key + " is '" + value + "'", "not a positive number"});
    }
  }
  metadata_ = whole;
  metadata_["num_lookahead"] = "1000000";
  ExpectInvalid(Read(), {"num_lookahead is 1000000, at most 64"});
}

TEST_F(LookaheadFile, RefusesAnotherFormatOrVersion) {
  metadata_["version"] = "2";
  ExpectInvalid(Read(), {"metadata version is '2'"});
  metadata_["format"] = "pt";
  ExpectInvalid(Read(), {"metadata format is 'pt'"});
}

TEST_F(LookaheadFile, RefusesEmbeddingsThatDoNotFit) {
  view_.name = "other";
  ExpectInvalid(Read(), {"tensor 'other' is unknown"});
  view_.name = "lookahead.embeddings";
  view_.shape = {3, 2};
  ExpectInvalid(Read(), {"has shape [3, 2], its metadata says [2, 3]"});
  view_.shape = {4, 3};
  view_.type = TensorType::kBF16;
  ExpectInvalid(Read(), {"of dtype BF16, not F32"});
  ASSERT_TRUE(WriteSafetensors(path_, metadata_, {}).ok());
  ExpectInvalid(ReadLookaheadFile(path_, Config(), kFingerprint).status(),
                {"'lookahead.embeddings' is missing"});
}

TEST_F(LookaheadFile, RefusesValuesThatAreNotFinite) {
  embeddings_[4] = NAN;
  ExpectInvalid(Read(), {"tiny.lookahead.safetensors", "infinite values or NaNs"});
  embeddings_[4] = INFINITY;
  ExpectInvalid(Read(), {"infinite values or NaNs"});
}

TEST_F(LookaheadFile, IsNotWrittenWhenTheEmbeddingsDoNotFitTheFacts) {
  LookaheadTokens tokens = Tokens();
  tokens.embeddings.pop_back();
  ExpectInvalid(WriteLookaheadFile(path_, tokens), {"'lookahead.embeddings' cannot be written"});
}

}  // namespace
}  // namespace pass
