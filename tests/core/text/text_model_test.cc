#include "core/text/text_model.h"

#include <fstream>

#include "absl/status/status.h"
#include "core/files/gguf.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/core/text/tiny_vocabulary.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kChatMl[] =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>'}}{% endfor %}";
constexpr char kLlama3Expression[] =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<std::string> Tokens(const TextModel& model, std::string_view text) {
  const auto ids = model.tokenizer->Encode(text);
  EXPECT_TRUE(ids.ok()) << ids.status();
  std::vector<std::string> tokens;
  for (const TokenId id : *ids) tokens.emplace_back(model.tokenizer->TokenBytes(id));
  return tokens;
}

GgufBuilder TinyGgufText(const std::vector<size_t>& user_defined = {}, TokenizerSpec spec = TinySpec()) {
  std::vector<std::string> merges;
  for (const auto& [left, right] : spec.merges) merges.push_back(left + " " + right);
  std::vector<int32_t> types(spec.tokens.size(), 1);
  for (const size_t id : user_defined) types[id] = 4;
  for (const AddedToken& token : spec.added) {
    spec.tokens.push_back(token.content);
    types.push_back(3);
  }
  GgufBuilder gguf;
  gguf.AddStrings("tokenizer.ggml.tokens", spec.tokens);
  gguf.AddStrings("tokenizer.ggml.merges", merges);
  gguf.AddInts("tokenizer.ggml.token_type", types);
  return gguf;
}

absl::StatusOr<TextModel> LoadGguf(const GgufBuilder& gguf) {
  TemporaryFolder folder;
  return LoadTextModel(folder.Write("model.gguf", gguf.Build()));
}

TEST(TextModel, ReadsAGgufFile) {
  GgufBuilder gguf = TinyGgufText();
  gguf.AddString("tokenizer.ggml.model", "gpt2");
  gguf.AddString("tokenizer.ggml.pre", "smollm");
  gguf.AddUint32("tokenizer.ggml.eos_token_id", 0);
  gguf.AddUint32("tokenizer.ggml.bos_token_id", 5);
  gguf.AddBool("tokenizer.ggml.add_bos_token", true);
  gguf.AddString("tokenizer.chat_template", kChatMl);
  const auto model = LoadGguf(gguf);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Tokens(*model, "hello 12"), ElementsAre("hello", " ", "1", "2"));
  EXPECT_EQ(model->tokenizer->bos(), 5);
  EXPECT_TRUE(model->tokenizer->add_bos());
  EXPECT_EQ(model->chat_template.format, ChatFormat::kChatMl);
  // The chat's own end counts beside the file's.
  EXPECT_THAT(model->end_of_sequence_ids, ElementsAre(0, *model->tokenizer->Find("<|im_end|>")));
}

// A converter marks what was added to a vocabulary, even where it was a part of it before.
TEST(TextModel, KeepsMergesThroughTokensThatAGgufFileCallsUserDefined) {
  const TokenizerSpec spec = TinySpec();
  const auto hell = static_cast<size_t>(std::ranges::find(spec.tokens, "hell") - spec.tokens.begin());
  GgufBuilder gguf = TinyGgufText({'|', hell});
  gguf.AddString("tokenizer.ggml.model", "gpt2");
  gguf.AddString("tokenizer.ggml.pre", "gpt-2");
  gguf.AddUint32("tokenizer.ggml.eos_token_id", 0);
  const auto model = LoadGguf(gguf);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(*model->tokenizer->Encode("a|"), ElementsAre('a', '|'));
  EXPECT_THAT(Tokens(*model, "hello"), ElementsAre("hell", "o"));
}

std::string GgufError(const GgufBuilder& gguf) {
  const auto model = LoadGguf(gguf);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(model.status().message());
}

TEST(TextModel, RefusesAGgufTokenizerByName) {
  GgufBuilder gguf = TinyGgufText();
  EXPECT_THAT(GgufError(gguf), AllOf(HasSubstr("model.gguf"), HasSubstr("tokenizer.ggml.model")));
  GgufBuilder sentence_piece = gguf;
  sentence_piece.AddString("tokenizer.ggml.model", "llama");
  EXPECT_THAT(GgufError(sentence_piece), HasSubstr("tokenizer.ggml.scores"));
  GgufBuilder word_piece = gguf;
  word_piece.AddString("tokenizer.ggml.model", "bert");
  EXPECT_THAT(GgufError(word_piece), HasSubstr("'bert'"));
  gguf.AddString("tokenizer.ggml.model", "gpt2");
  EXPECT_THAT(GgufError(gguf), HasSubstr("tokenizer.ggml.pre"));
  GgufBuilder unknown = gguf;
  unknown.AddString("tokenizer.ggml.pre", "poro-chat");
  EXPECT_THAT(GgufError(unknown), AllOf(HasSubstr("'poro-chat'"), HasSubstr("tekken")));
}

// The parts of a Hugging Face folder, before a test changes them.
struct HuggingFaceFiles {
  Json tokenizer;
  Json tokenizer_config = {{"bos_token", {{"content", "<|im_start|>"}}}, {"chat_template", kChatMl}};
  Json generation_config = {{"eos_token_id", {7, 3}}};
  Json config = {{"eos_token_id", 9}};
};

Json ByteLevel(bool use_regex) {
  return {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
}

HuggingFaceFiles TinyHuggingFace() {
  const TokenizerSpec spec = TinySpec();
  Json vocabulary = Json::object();
  Json added = Json::array();
  for (size_t id = 0; id < spec.tokens.size(); ++id) vocabulary[spec.tokens[id]] = id;
  for (const AddedToken& token : spec.added) {
    added.push_back({{"id", token.id}, {"content", token.content}, {"special", true}});
  }
  Json merges = Json::array();
  for (const auto& [left, right] : spec.merges) merges.push_back(left + " " + right);
  HuggingFaceFiles files;
  files.tokenizer = {
      {"normalizer", nullptr},
      {"pre_tokenizer", ByteLevel(true)},
      {"post_processor", nullptr},
      {"added_tokens", added},
      {"model", {{"type", "BPE"}, {"unk_token", nullptr}, {"vocab", vocabulary}, {"merges", merges}}}};
  return files;
}

absl::StatusOr<TextModel> LoadFolder(const HuggingFaceFiles& files) {
  TemporaryFolder folder;
  const std::pair<const char*, const Json*> written[] = {{"tokenizer.json", &files.tokenizer},
                                                         {"tokenizer_config.json", &files.tokenizer_config},
                                                         {"generation_config.json", &files.generation_config},
                                                         {"config.json", &files.config}};
  for (const auto& [name, json] : written) {
    if (!json->is_null()) folder.Write(name, json->dump());
  }
  return LoadTextModel(folder.path());
}

TEST(TextModel, ReadsAHuggingFaceFolder) {
  const auto model = LoadFolder(TinyHuggingFace());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Tokens(*model, "hello 12"), ElementsAre("hello", " ", "12"));
  EXPECT_EQ(model->tokenizer->bos(), model->tokenizer->Find("<|im_start|>"));
  EXPECT_FALSE(model->tokenizer->add_bos());
  EXPECT_THAT(model->end_of_sequence_ids, ElementsAre(3, 7, *model->tokenizer->Find("<|im_end|>")));
}

// Users add what a vocabulary has already; the file then gives it an id that the model does not know.
TEST(TextModel, GivesAnAddedTokenTheIdThatItHasInTheVocabulary) {
  HuggingFaceFiles files = TinyHuggingFace();
  const TokenId hell = files.tokenizer["model"]["vocab"]["hell"];
  files.tokenizer["added_tokens"].push_back({{"id", 500}, {"content", "hell"}, {"special", false}});
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer->Find("hell"), hell) << "not id 500";
  EXPECT_THAT(*model->tokenizer->Encode("hello"), ElementsAre(hell, 'o'));
}

TEST(TextModel, ReadsMergesThatAreWrittenAsPairs) {
  HuggingFaceFiles files = TinyHuggingFace();
  Json pairs = Json::array();
  for (const auto& [left, right] : TinySpec().merges) pairs.push_back({left, right});
  files.tokenizer["model"]["merges"] = pairs;
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(Tokens(*model, " hello"), ElementsAre(" hello"));
}

TEST(TextModel, RecognisesPreTokenizersByTheirStructure) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer["pre_tokenizer"] = {
      {"type", "Sequence"},
      {"pretokenizers", {{{"type", "Digits"}, {"individual_digits", true}}, ByteLevel(true)}}};
  EXPECT_THAT(Tokens(*LoadFolder(files), "12"), ElementsAre("1", "2"));
  files.tokenizer["pre_tokenizer"]["pretokenizers"] = {{{"type", "Split"},
                                                        {"pattern", {{"Regex", kLlama3Expression}}},
                                                        {"behavior", "Isolated"},
                                                        {"invert", false}},
                                                       ByteLevel(false)};
  EXPECT_THAT(Tokens(*LoadFolder(files), "hello's"), ElementsAre("hello", "'s"));
}

TEST(TextModel, PrependsBosWhereThePostProcessorDoes) {
  HuggingFaceFiles files = TinyHuggingFace();
  const Json text = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}};
  const Json bos = {{"SpecialToken", {{"id", "<|im_start|>"}, {"type_id", 0}}}};
  // The id is the one that is written there, not that of the token's text.
  files.tokenizer["post_processor"] = {
      {"type", "Sequence"},
      {"processors",
       {ByteLevel(true),
        {{"type", "TemplateProcessing"},
         {"single", {bos, text}},
         {"special_tokens",
          {{"<|im_start|>", {{"id", "<|im_start|>"}, {"ids", {5}}, {"tokens", {"x"}}}}}}}}}};
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->tokenizer->add_bos());
  EXPECT_EQ(model->tokenizer->bos(), 5);
  files.tokenizer["post_processor"]["processors"][1].erase("special_tokens");
  EXPECT_FALSE(LoadFolder(files).ok());
  files.tokenizer["post_processor"] = {{"type", "TemplateProcessing"}, {"single", {text, bos}}};
  EXPECT_FALSE(LoadFolder(files).ok());
}

TEST(TextModel, FallsBackWhereAFileIsMissing) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer_config = {{"eos_token", "a"}};
  files.generation_config = nullptr;
  EXPECT_THAT(LoadFolder(files)->end_of_sequence_ids, ElementsAre(9));
  files.config = nullptr;
  EXPECT_THAT(LoadFolder(files)->end_of_sequence_ids, ElementsAre('a'));
  files.tokenizer_config = nullptr;
  EXPECT_THAT(LoadFolder(files)->end_of_sequence_ids, ElementsAre());
  files.tokenizer = nullptr;
  const absl::Status status = LoadFolder(files).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("tokenizer.json"), HasSubstr("save_pretrained(")));
}

TEST(TextModel, TakesTheDefaultOfSeveralChatTemplates) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer_config["chat_template"] = {{{"name", "rag"}, {"template", "x"}},
                                             {{"name", "default"}, {"template", kChatMl}}};
  EXPECT_EQ(LoadFolder(files)->chat_template.format, ChatFormat::kChatMl);
}

// A change to tokenizer.json and what the error must name.
struct Refusal {
  const char* pointer;
  Json value;
  const char* named;
};

class TextModelRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(TextModelRefusal, NamesTheKey) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer[Json::json_pointer(GetParam().pointer)] = GetParam().value;
  const auto model = LoadFolder(files);
  ASSERT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr(GetParam().named));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, TextModelRefusal,
    testing::Values(Refusal{"/normalizer", {{"type", "Lowercase"}}, "'Lowercase'"},
                    Refusal{"/model/type", "Unigram", "'Unigram'"},
                    Refusal{"/model/byte_fallback", true, "byte_fallback"},
                    Refusal{"/model/dropout", 0.1, "dropout"},
                    Refusal{"/model/end_of_word_suffix", "</w>", "end_of_word_suffix"},
                    Refusal{"/model/vocab", Json::array(), "vocab"}, Refusal{"/model/vocab/zz", -1, "'zz'"},
                    Refusal{"/model/vocab/zz", int64_t{1} << 40, "'zz'"},
                    Refusal{"/model/vocab/zz", "1", "'zz'"}, Refusal{"/model/vocab/zz", 3, "same id"},
                    Refusal{"/model/merges/0", "ab", "merges"}, Refusal{"/model/merges/0", {1, 2}, "merges"},
                    Refusal{"/decoder", {{"type", "WordPiece"}}, "'WordPiece'"},
                    Refusal{"/pre_tokenizer/type", "Metaspace", "'Metaspace'"},
                    Refusal{"/pre_tokenizer/add_prefix_space", true, "pre_tokenizer"},
                    Refusal{"/post_processor", {{"type", "BertProcessing"}}, "'BertProcessing'"}));

std::vector<std::string> Warnings(const GgufBuilder& gguf) {
  const auto model = LoadGguf(gguf);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? model->warnings : std::vector<std::string>();
}

TEST(TextModel, SaysWhatIsWrongWithTheEndOfASequence) {
  GgufBuilder gguf = TinyGgufText();
  gguf.AddString("tokenizer.ggml.model", "gpt2");
  gguf.AddString("tokenizer.ggml.pre", "gpt-2");
  EXPECT_THAT(Warnings(gguf), testing::Contains(AllOf(HasSubstr("model.gguf"), HasSubstr("no token ends"))));
  for (const uint32_t id : {UINT32_MAX, 1'000'000U}) {  // minus one, and an id of the padding
    GgufBuilder wrong = gguf;
    wrong.AddUint32("tokenizer.ggml.eos_token_id", id);
    wrong.AddUint32("tokenizer.ggml.eot_token_id", 3);
    EXPECT_THAT(Warnings(wrong), ElementsAre(HasSubstr(id == 1'000'000 ? "1000000" : "eos_token_id -1")));
    EXPECT_THAT(LoadGguf(wrong)->end_of_sequence_ids, ElementsAre(3));
  }
}

TEST(TextModel, EndsAtEveryEndThatAGgufFileNames) {
  GgufBuilder gguf = TinyGgufText();
  gguf.AddString("tokenizer.ggml.model", "gpt2");
  gguf.AddString("tokenizer.ggml.pre", "gpt-2");
  gguf.AddUint32("tokenizer.ggml.eos_token_id", 5);
  gguf.AddUint32("tokenizer.ggml.eot_token_id", 3);
  gguf.AddUint32("tokenizer.ggml.eom_token_id", 4);
  EXPECT_THAT(LoadGguf(gguf)->end_of_sequence_ids, ElementsAre(3, 4, 5));
}

// Qwen2.5 and Llama 3 end at a turn's end and at a text's end; a GGUF file has one key for both.
TEST(TextModel, EndsAtTheEndOfATextThatAGgufFileHas) {
  for (const char* end : {"<|endoftext|>", "<|end_of_text|>", "<|begin_of_text|>"}) {
    TokenizerSpec spec = TinySpec();
    spec.added.push_back({.content = end});
    GgufBuilder gguf = TinyGgufText({}, spec);
    gguf.AddString("tokenizer.ggml.model", "gpt2");
    gguf.AddString("tokenizer.ggml.pre", "gpt-2");
    gguf.AddUint32("tokenizer.ggml.eos_token_id", 5);
    const auto model = LoadGguf(gguf);
    ASSERT_TRUE(model.ok()) << model.status();
    if (end == std::string_view("<|begin_of_text|>")) {
      EXPECT_THAT(model->end_of_sequence_ids, ElementsAre(5));
    } else {
      EXPECT_THAT(model->end_of_sequence_ids, ElementsAre(5, *model->tokenizer->Find(end)));
    }
  }
}

TEST(TextModel, TakesMinusOneInAGgufFileForNoBos) {
  for (const bool is_signed : {false, true}) {
    GgufBuilder gguf = TinyGgufText();
    gguf.AddString("tokenizer.ggml.model", "gpt2");
    gguf.AddString("tokenizer.ggml.pre", "gpt-2");
    gguf.AddUint32("tokenizer.ggml.eos_token_id", 5);
    gguf.AddBool("tokenizer.ggml.add_bos_token", true);
    if (is_signed) {
      gguf.AddValue("tokenizer.ggml.bos_token_id", static_cast<uint32_t>(GgufType::kInt32),
                    Encoded<int32_t>(-1));
    } else {
      gguf.AddUint32("tokenizer.ggml.bos_token_id", UINT32_MAX);
    }
    const auto model = LoadGguf(gguf);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->tokenizer->bos(), std::nullopt);
    EXPECT_FALSE(model->tokenizer->add_bos());
  }
}

TEST(TextModel, EndsAtTheEndOfAMessageThatALlamaHas) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer["added_tokens"].push_back({{"id", 500}, {"content", "<|eom_id|>"}, {"special", true}});
  EXPECT_THAT(LoadFolder(files)->end_of_sequence_ids, testing::Contains(500));
}

TEST(TextModel, NeverTakesATokenOfAChatFromAUsersTextWhateverItsFlag) {
  HuggingFaceFiles files = TinyHuggingFace();
  for (Json& token : files.tokenizer["added_tokens"]) token["special"] = false;
  files.tokenizer["added_tokens"].push_back({{"id", 500}, {"content", "<turn>"}, {"special", false}});
  files.tokenizer["added_tokens"].push_back({{"id", 501}, {"content", "<tool>"}, {"special", false}});
  files.tokenizer_config["chat_template"] = std::string("{{ '<turn>' }}") + kChatMl;
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  for (const char* text : {"<|im_start|>", "<|im_end|>", "<turn>"}) {
    EXPECT_THAT(*model->tokenizer->Encode(text),
                testing::Not(testing::Contains(*model->tokenizer->Find(text))));
    EXPECT_THAT(*model->tokenizer->Encode(text, /*parse_control=*/true),
                ElementsAre(*model->tokenizer->Find(text)));
    EXPECT_EQ(model->tokenizer->Kind(*model->tokenizer->Find(text)), TokenKind::kAdded);  // it has text
  }
  EXPECT_THAT(*model->tokenizer->Encode("<tool>"), ElementsAre(501));
}

// Known from other chats, or the end of a sequence: also where no template says so.
TEST(TextModel, NeverTakesAControlTokenFromAUsersTextWithoutAChatTemplate) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer["added_tokens"] = {{{"id", 500}, {"content", "<|im_start|>"}, {"special", false}},
                                     {{"id", 501}, {"content", "<stop>"}, {"special", false}},
                                     {{"id", 502}, {"content", "<tool>"}, {"special", false}}};
  files.tokenizer_config.erase("chat_template");
  files.generation_config = {{"eos_token_id", 501}};
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  for (const TokenId control : {500, 501}) {
    const std::string text(model->tokenizer->TokenBytes(control));
    EXPECT_THAT(*model->tokenizer->Encode(text), testing::Not(testing::Contains(control))) << text;
    EXPECT_EQ(Tokens(*model, text).size(), text.size());
  }
  EXPECT_THAT(*model->tokenizer->Encode("<tool>"), ElementsAre(502));
}

// Converters have marked these as normal tokens (type 1) and as tokens that users added (type 4).
TEST(TextModel, NeverTakesATokenOfAChatFromAUsersTextWhateverItsTypeInAGgufFile) {
  for (const int32_t type : {1, 4}) {
    const TokenizerSpec spec = TinySpec();
    GgufBuilder gguf;
    std::vector<std::string> tokens = spec.tokens, merges;
    for (const auto& [left, right] : spec.merges) merges.push_back(left + " " + right);
    const auto start = static_cast<TokenId>(tokens.size());
    tokens.insert(tokens.end(), {"<|im_start|>", "<|im_end|>"});
    std::vector<int32_t> types(spec.tokens.size(), 1);
    types.insert(types.end(), {type, type});
    gguf.AddStrings("tokenizer.ggml.tokens", tokens);
    gguf.AddStrings("tokenizer.ggml.merges", merges);
    gguf.AddInts("tokenizer.ggml.token_type", types);
    gguf.AddString("tokenizer.ggml.model", "gpt2");
    gguf.AddString("tokenizer.ggml.pre", "gpt-2");
    gguf.AddUint32("tokenizer.ggml.eos_token_id", 0);
    const auto model = LoadGguf(gguf);
    ASSERT_TRUE(model.ok()) << model.status();
    for (const char* text : {"<|im_start|>", "<|im_end|>"}) {
      EXPECT_THAT(*model->tokenizer->Encode(text), testing::Each(testing::Lt(start))) << "type " << type;
      EXPECT_THAT(*model->tokenizer->Encode(text, /*parse_control=*/true), ElementsAre(testing::Ge(start)));
    }
  }
}

TEST(TextModel, SaysWhichChatTemplateItDoesNotUnderstand) {
  HuggingFaceFiles files = TinyHuggingFace();
  EXPECT_THAT(LoadFolder(files)->warnings, ElementsAre());
  files.tokenizer_config["chat_template"] = "{% include 'x' %}";
  const auto model = LoadFolder(files);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->chat_template.format, ChatFormat::kNone);
  EXPECT_THAT(model->warnings, ElementsAre(AllOf(HasSubstr("'include'"), HasSubstr("refused"))));
}

TEST(TextModel, AcceptsAnUnknownTokenOnlyWhereEveryByteHasOne) {
  HuggingFaceFiles files = TinyHuggingFace();
  files.tokenizer["model"]["unk_token"] = "<|im_end|>";
  EXPECT_TRUE(LoadFolder(files).ok());
  files.tokenizer["model"]["vocab"].erase("!");
  EXPECT_THAT(std::string(LoadFolder(files).status().message()), HasSubstr("unk_token"));
}

}  // namespace
}  // namespace pass
