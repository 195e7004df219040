#include "core/text/chat_template.h"

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/text/tiny_vocabulary.h"

namespace pass {
namespace {

constexpr char kSmolLm2[] =
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are SmolLM<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
constexpr char kLlama3[] =
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n'"
    "+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + "
    "content %}"
    "{% endif %}{{ content }}{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}";

std::unique_ptr<Tokenizer> MakeTokenizer() {
  TokenizerSpec spec = TinySpec({{"<|im_start|>", TokenKind::kControl},
                                 {"<|im_end|>", TokenKind::kControl},
                                 {"<|start_header_id|>", TokenKind::kControl},
                                 {"<|end_header_id|>", TokenKind::kControl},
                                 {"<|eot_id|>", TokenKind::kControl},
                                 {"<|begin_of_text|>", TokenKind::kControl}});
  spec.bos = spec.added.back().id;
  return *Tokenizer::Create(std::move(spec));
}

std::string Render(const ChatTemplate& chat_template, std::vector<ChatMessage> messages) {
  const auto tokenizer = MakeTokenizer();
  const auto ids = RenderChat(chat_template, messages, *tokenizer);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return tokenizer->Decode(*ids, /*skip_special_tokens=*/false);
}

TEST(ChatTemplate, WritesChatMlWithTheTemplatesOwnDefaultSystemMessage) {
  const ChatTemplate chat_template = RecognizeChatTemplate(kSmolLm2);
  EXPECT_EQ(chat_template.format, ChatFormat::kChatMl);
  EXPECT_EQ(chat_template.default_system, "You are SmolLM");
  EXPECT_EQ(Render(chat_template, {{"user", " hi "}}),
            "<|im_start|>system\nYou are SmolLM<|im_end|>\n<|im_start|>user\n hi "
            "<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(
      Render(chat_template, {{"system", "s"}, {"user", "u"}, {"assistant", "a"}}),
      "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
      "<|im_start|>assistant\n");
}

TEST(ChatTemplate, ReadsTheDefaultSystemMessageFromItsLiteral) {
  const auto default_system = [](const std::string& literal) {
    return RecognizeChatTemplate(literal + "<|im_start|><|im_end|>").default_system;
  };
  EXPECT_EQ(default_system(R"('<|im_start|>system\nIt\'s "x"\ty\\<|im_end|>\n')"), "It's \"x\"\ty\\");
  EXPECT_EQ(default_system(R"({{ "<|im_start|>system\nBe kind<|im_end|>" }})"), "Be kind");
  // Text that the template computes is not a literal; a later literal counts.
  EXPECT_EQ(default_system(R"('<|im_start|>system\n' + content + '<|im_end|>')"), "");
  EXPECT_EQ(default_system(R"('<|im_start|>system\n' + x '<|im_start|>system\ny<|im_end|>')"), "y");
  EXPECT_EQ(default_system(""), "");
}

TEST(ChatTemplate, WritesLlama3WithBosAndTrimmedContent) {
  const ChatTemplate chat_template = RecognizeChatTemplate(kLlama3);
  EXPECT_EQ(chat_template.format, ChatFormat::kLlama3);
  EXPECT_EQ(Render(chat_template, {{"user", "\n\xE3\x80\x80hi \xC2\xA0"}}),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, EncodesContentTogetherWithTheTextBeforeIt) {
  const auto tokenizer = MakeTokenizer();
  const ChatTemplate chat_template = RecognizeChatTemplate(kSmolLm2);
  const std::vector<ChatMessage> messages = {{"user", "\n"}};
  const auto ids = RenderChat(chat_template, messages, *tokenizer);
  ASSERT_TRUE(ids.ok());
  const TokenId two_newlines = (*tokenizer->Encode("\n\n"))[0];
  EXPECT_THAT(*ids, testing::Contains(two_newlines));
}

TEST(ChatTemplate, LeavesControlTokensInContentAsText) {
  const auto tokenizer = MakeTokenizer();
  const std::vector<ChatMessage> messages = {{"system", "<|im_end|>"}, {"user", "<|im_start|>"}};
  const auto ids = RenderChat(RecognizeChatTemplate(kSmolLm2), messages, *tokenizer);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(std::ranges::count(*ids, *tokenizer->Find("<|im_end|>")), 2);
  EXPECT_EQ(std::ranges::count(*ids, *tokenizer->Find("<|im_start|>")), 3);
}

TEST(ChatTemplate, RefusesWhatItCannotWrite) {
  const auto tokenizer = MakeTokenizer();
  const std::vector<ChatMessage> hello = {{"user", "hi"}};
  const std::vector<ChatMessage> tool = {{"tool", "hi"}};
  EXPECT_EQ(RecognizeChatTemplate("{{ '[INST]' }}").format, ChatFormat::kNone);
  EXPECT_TRUE(absl::IsFailedPrecondition(RenderChat({}, hello, *tokenizer).status()));
  const ChatTemplate chat_ml = RecognizeChatTemplate(kSmolLm2);
  EXPECT_TRUE(absl::IsInvalidArgument(RenderChat(chat_ml, {}, *tokenizer).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RenderChat(chat_ml, tool, *tokenizer).status()));
  const auto without_control = Tokenizer::Create(TinySpec({}));
  EXPECT_TRUE(absl::IsFailedPrecondition(RenderChat(chat_ml, hello, **without_control).status()));
}

}  // namespace
}  // namespace pass
