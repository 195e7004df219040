#include "core/model/lookahead/lookahead_file.h"

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

ModelConfig Config() {
  ModelConfig config;
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

Bf16Matrix Matrix(int64_t rows, int64_t columns, uint16_t first) {
  Bf16Matrix matrix{.rows = rows, .columns = columns, .values = {}};
  for (int64_t i = 0; i < rows * columns; ++i) matrix.values.push_back(static_cast<uint16_t>(first + i));
  return matrix;
}

// An adapter of rank 2, of 1 in gate_up, and a head of 5.
LookaheadTokens TokensWithAdapterAndHead() {
  LookaheadTokens tokens = Tokens();
  for (uint16_t layer = 0; layer < 2; ++layer) {
    const auto first = static_cast<uint16_t>(0x3c00 + 0x100 * layer);
    tokens.adapter.push_back({.qkv = {Matrix(2, 3, first), Matrix(12, 2, first)},
                              .attention_out = {Matrix(2, 8, first), Matrix(3, 2, first)},
                              .gate_up = {Matrix(1, 3, first), Matrix(8, 1, first)},
                              .down = {Matrix(2, 4, first), Matrix(3, 2, first)}});
  }
  tokens.head =
      LookaheadHead{.w1 = Matrix(5, 6, 0x3d00), .w2 = Matrix(3, 5, 0xbd00), .frequent_tokens = {0, 3, 7}};
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

bool Same(const Bf16Matrix& a, const Bf16Matrix& b) {
  return a.rows == b.rows && a.columns == b.columns && a.values == b.values;
}

TEST_F(LookaheadFile, ReadsBackAdapterAndHead) {
  const LookaheadTokens written = TokensWithAdapterAndHead();
  ASSERT_TRUE(WriteLookaheadFile(path_, written).ok());
  const auto loaded = ReadLookaheadFile(path_, Config(), kFingerprint);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_EQ(loaded->tokens.adapter.size(), 2u);
  for (size_t layer = 0; layer < 2; ++layer) {
    for (const auto member :
         {&LayerAdapter::qkv, &LayerAdapter::attention_out, &LayerAdapter::gate_up, &LayerAdapter::down}) {
      EXPECT_TRUE(Same((loaded->tokens.adapter[layer].*member).a, (written.adapter[layer].*member).a));
      EXPECT_TRUE(Same((loaded->tokens.adapter[layer].*member).b, (written.adapter[layer].*member).b));
    }
  }
  ASSERT_TRUE(loaded->tokens.head.has_value());
  EXPECT_TRUE(Same(loaded->tokens.head->w1, written.head->w1));
  EXPECT_TRUE(Same(loaded->tokens.head->w2, written.head->w2));
  EXPECT_EQ(loaded->tokens.head->frequent_tokens, written.head->frequent_tokens);
}

TEST_F(LookaheadFile, HoldsAnAdapterOrAHeadAlone) {
  LookaheadTokens tokens = TokensWithAdapterAndHead();
  tokens.head.reset();
  ASSERT_TRUE(WriteLookaheadFile(path_, tokens).ok());
  auto loaded = ReadLookaheadFile(path_, Config(), kFingerprint);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(loaded->tokens.adapter.size(), 2u);
  EXPECT_FALSE(loaded->tokens.head.has_value());

  tokens = TokensWithAdapterAndHead();
  tokens.adapter.clear();
  ASSERT_TRUE(WriteLookaheadFile(path_, tokens).ok());
  loaded = ReadLookaheadFile(path_, Config(), kFingerprint);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->tokens.adapter.empty());
  EXPECT_TRUE(loaded->tokens.head.has_value());
}

TEST_F(LookaheadFile, RefusesAnAdapterOrAHeadThatIsNotWhole) {
  ASSERT_TRUE(WriteLookaheadFile(path_, TokensWithAdapterAndHead()).ok());
  const auto whole = SafetensorsFile::Open(path_);
  ASSERT_TRUE(whole.ok()) << whole.status();
  const std::span<const TensorView> tensors = (*whole)->tensors();
  ASSERT_EQ(tensors.size(), 1u + 2 * 4 * 2 + 3);
  const std::string other = folder_.Path("other.safetensors");
  for (const TensorView& left_out : tensors) {
    std::vector<TensorView> views;
    for (const TensorView& tensor : tensors) {
      if (tensor.name != left_out.name) views.push_back(tensor);
    }
    ASSERT_TRUE(WriteSafetensors(other, metadata_, views).ok());
    ExpectInvalid(ReadLookaheadFile(other, Config(), kFingerprint).status(),
                  {"other.safetensors", "'" + left_out.name + "' is missing"});
  }
}

TEST_F(LookaheadFile, RefusesAnAdapterOrAHeadThatDoesNotFit) {
  const std::vector<std::pair<std::string, std::function<void(LookaheadTokens&)>>> changes = {
      {"'adapter.1.down.a' has shape [2, 3], the model asks for [any, 4]",
       [](LookaheadTokens& t) { t.adapter[1].down.a = Matrix(2, 3, 0); }},
      {"'adapter.0.qkv.b' has shape [12, 1], the model asks for [12, 2]",
       [](LookaheadTokens& t) { t.adapter[0].qkv.b = Matrix(12, 1, 0); }},
      {"'adapter.0.gate_up.a' has shape [0, 3], the model asks for [any, 3]",
       [](LookaheadTokens& t) {
         t.adapter[0].gate_up = {Matrix(0, 3, 0), Matrix(8, 0, 0)};
       }},
      {"'adapter.2.attention_out.a' is unknown",
       [](LookaheadTokens& t) { t.adapter.push_back(t.adapter[0]); }},
      {"'adapter.1.attention_out.b' holds infinite values or NaNs",
       [](LookaheadTokens& t) { t.adapter[1].attention_out.b.values[3] = 0xff80; }},
      {"'head.w1' has shape [5, 3], the model asks for [any, 6]",
       [](LookaheadTokens& t) { t.head->w1 = Matrix(5, 3, 0); }},
      {"'head.w2' has shape [3, 6], the model asks for [3, 5]",
       [](LookaheadTokens& t) { t.head->w2 = Matrix(3, 6, 0); }},
      {"'head.w2' holds infinite values or NaNs", [](LookaheadTokens& t) { t.head->w2.values[0] = 0x7fc0; }},
      {"'head.frequent_tokens' has shape [0]", [](LookaheadTokens& t) { t.head->frequent_tokens.clear(); }},
      {"'head.frequent_tokens' is not ascending within the vocabulary of 8",
       [](LookaheadTokens& t) {
         t.head->frequent_tokens = {3, 3};
       }},
      {"'head.frequent_tokens' is not ascending",
       [](LookaheadTokens& t) {
         t.head->frequent_tokens = {-1, 3};
       }},
      {"'head.frequent_tokens' is not ascending", [](LookaheadTokens& t) {
         t.head->frequent_tokens = {3, 8};
       }}};
  for (const auto& [words, change] : changes) {
    LookaheadTokens tokens = TokensWithAdapterAndHead();
    change(tokens);
    ASSERT_TRUE(WriteLookaheadFile(path_, tokens).ok()) << words;
    ExpectInvalid(ReadLookaheadFile(path_, Config(), kFingerprint).status(),
                  {"tiny.lookahead.safetensors", words});
  }
}

TEST_F(LookaheadFile, RefusesTokenIdsThatAreNoIntegers) {
  ASSERT_TRUE(WriteLookaheadFile(path_, TokensWithAdapterAndHead()).ok());
  const auto whole = SafetensorsFile::Open(path_);
  ASSERT_TRUE(whole.ok()) << whole.status();
  std::vector<TensorView> views((*whole)->tensors().begin(), (*whole)->tensors().end());
  for (TensorView& view : views) {
    if (view.name == "head.frequent_tokens") view.type = TensorType::kF32;
  }
  const std::string other = folder_.Path("other.safetensors");
  ASSERT_TRUE(WriteSafetensors(other, metadata_, views).ok());
  ExpectInvalid(ReadLookaheadFile(other, Config(), kFingerprint).status(),
                {"'head.frequent_tokens' is of dtype F32, not I32"});
}

TEST_F(LookaheadFile, WarnsOfOtherWeightsButLoads) {
  const auto loaded = ReadLookaheadFile(path_, Config(), "ffff");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(loaded->warning, testing::HasSubstr("tiny.lookahead.safetensors"));
  EXPECT_THAT(loaded->warning, testing::HasSubstr(kFingerprint));
  EXPECT_THAT(loaded->warning, testing::HasSubstr("'ffff'"));
}

TEST_F(LookaheadFile, IsRefusedForAModelOfAnotherShapeNamingTheField) {
  const std::vector<std::pair<std::string, std::function<void(ModelConfig&)>>> changes = {
      {"width is 3, the model's is 5", [](ModelConfig& c) { c.width = 5; }},
      {"layers is 2, the model's is 3", [](ModelConfig& c) { c.num_layers = 3; }},
      {"heads is 4, the model's is 8", [](ModelConfig& c) { c.num_heads = 8; }},
      {"kv_heads is 1, the model's is 2", [](ModelConfig& c) { c.num_kv_heads = 2; }},
      {"vocabulary is 8, the model's is 9", [](ModelConfig& c) { c.vocab_size = 9; }}};
  for (const auto& [words, change] : changes) {
    ModelConfig config = Config();
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

TEST_F(LookaheadFile, IsNotWrittenWhenValuesDoNotFitTheFactsOrTheirMatrix) {
  LookaheadTokens tokens = Tokens();
  tokens.embeddings.pop_back();
  ExpectInvalid(WriteLookaheadFile(path_, tokens), {"'lookahead.embeddings' cannot be written"});
  tokens = TokensWithAdapterAndHead();
  tokens.adapter[1].down.b.rows = 4;
  ExpectInvalid(WriteLookaheadFile(path_, tokens), {"'adapter.1.down.b' cannot be written"});
}

}  // namespace
}  // namespace pass
