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

ChatTemplate Read(std::string_view text) {
  return ReadChatTemplate(text, {{"bos_token", "<|begin_of_text|>"}}, *MakeTokenizer());
}

std::string Render(const ChatTemplate& chat_template, std::vector<ChatMessage> messages) {
  const auto tokenizer = MakeTokenizer();
  const auto ids = RenderChat(chat_template, messages, *tokenizer);
  EXPECT_TRUE(ids.ok()) << ids.status();
  return tokenizer->Decode(*ids, /*skip_special_tokens=*/false);
}

TEST(ChatTemplate, WritesChatMlWithTheTemplatesOwnDefaultSystemMessage) {
  const ChatTemplate chat_template = Read(kSmolLm2);
  EXPECT_EQ(chat_template.format, ChatFormat::kChatMl);
  EXPECT_EQ(chat_template.problem, "");
  EXPECT_EQ(Render(chat_template, {{"user", " hi "}}),
            "<|im_start|>system\nYou are SmolLM<|im_end|>\n<|im_start|>user\n hi "
            "<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(
      Render(chat_template, {{"system", "s"}, {"user", "u"}, {"assistant", "a"}}),
      "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\na<|im_end|>\n"
      "<|im_start|>assistant\n");
}

// A system message that is set by a variable and a prompt that ends in <think> look like plain ChatML to whoever
// looks for its tokens only.
TEST(ChatTemplate, WritesWhatTheTemplateComputes) {
  const std::string head =
      "{% set system_message = 'You are ' ~ name ~ '.' %}{{ '<|im_start|>system\n' ~ system_message }}";
  const ChatTemplate chat_template =
      Read("{% set name = 'B' %}" + head + "{{ messages[0].content }}<|im_end|>\n" +
           "{{ '<|im_start|>assistant\n<think>\n' }}");
  EXPECT_EQ(Render(chat_template, {{"user", "hi"}}),
            "<|im_start|>system\nYou are B.hi<|im_end|>\n<|im_start|>assistant\n<think>\n");
}

TEST(ChatTemplate, WritesLlama3WithBosAndTrimmedContent) {
  const ChatTemplate chat_template = Read(kLlama3);
  EXPECT_EQ(chat_template.format, ChatFormat::kLlama3);
  EXPECT_EQ(Render(chat_template, {{"user", "\n\xE3\x80\x80hi \xC2\xA0"}}),
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, EncodesContentTogetherWithTheTextBeforeIt) {
  const auto tokenizer = MakeTokenizer();
  const ChatTemplate chat_template = Read(kSmolLm2);
  const std::vector<ChatMessage> messages = {{"user", "\n"}};
  const auto ids = RenderChat(chat_template, messages, *tokenizer);
  ASSERT_TRUE(ids.ok());
  const TokenId two_newlines = (*tokenizer->Encode("\n\n"))[0];
  EXPECT_THAT(*ids, testing::Contains(two_newlines));
}

TEST(ChatTemplate, LeavesControlTokensInContentAsText) {
  const auto tokenizer = MakeTokenizer();
  const std::vector<ChatMessage> messages = {{"system", "<|im_end|>"}, {"user", "<|im_start|>"}};
  const auto ids = RenderChat(Read(kSmolLm2), messages, *tokenizer);
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(std::ranges::count(*ids, *tokenizer->Find("<|im_end|>")), 2);
  EXPECT_EQ(std::ranges::count(*ids, *tokenizer->Find("<|im_start|>")), 3);
}

TEST(ChatTemplate, RefusesWhatItCannotWrite) {
  const auto tokenizer = MakeTokenizer();
  const std::vector<ChatMessage> hello = {{"user", "hi"}};
  const std::vector<ChatMessage> tool = {{"tool", "hi"}};
  EXPECT_TRUE(absl::IsFailedPrecondition(RenderChat({}, hello, *tokenizer).status()));
  const ChatTemplate chat_ml = Read(kSmolLm2);
  EXPECT_TRUE(absl::IsInvalidArgument(RenderChat(chat_ml, {}, *tokenizer).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(RenderChat(chat_ml, tool, *tokenizer).status()));
  const auto without_control = Tokenizer::Create(TinySpec({}));
  EXPECT_TRUE(absl::IsFailedPrecondition(RenderChat(chat_ml, hello, **without_control).status()));
}

TEST(ChatTemplate, SaysWhatItDoesNotUnderstand) {
  const auto tokenizer = MakeTokenizer();
  const std::vector<ChatMessage> hello = {{"user", "hi"}};
  for (const auto& [text, named] :
       {std::pair("{% include 'x' %}", "'include'"), std::pair("{{ 1 + }}", "a tag ends"),
        std::pair("{{ messages | tojson }}", "'tojson'"),
        std::pair("{{ '<start_of_turn>' + messages[0].content }}", "<start_of_turn>")}) {
    const ChatTemplate chat_template = Read(text);
    EXPECT_EQ(chat_template.format, ChatFormat::kNone) << text;
    EXPECT_THAT(chat_template.problem, testing::HasSubstr(named)) << text;
    const auto ids = RenderChat(chat_template, hello, *tokenizer);
    EXPECT_TRUE(absl::IsFailedPrecondition(ids.status())) << ids.status();
    EXPECT_THAT(std::string(ids.status().message()), testing::HasSubstr(named));
  }
}

// TinyLlama and Zephyr write the marks of roles as text; in Phi's vocabulary they are tokens, all of them.
TEST(ChatTemplate, WritesMarksOfRolesAsTextWhereNoRoleHasAToken) {
  constexpr char kZephyr[] =
      "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
      "{{ '<|assistant|>' }}";
  const ChatTemplate chat_template = Read(kZephyr);
  EXPECT_EQ(chat_template.problem, "");
  EXPECT_EQ(Render(chat_template, {{"system", "s"}, {"user", "u"}}),
            "<|system|>\ns<|im_end|>\n<|user|>\nu<|im_end|>\n<|assistant|>");
  const auto with_one = *Tokenizer::Create(
      TinySpec({{"<|im_end|>", TokenKind::kControl}, {"<|assistant|>", TokenKind::kControl}}));
  EXPECT_THAT(ReadChatTemplate(kZephyr, {}, *with_one).problem, testing::HasSubstr("<|user|>"));
}

TEST(ChatTemplate, TellsAProblemWithSomeChatsAndWritesTheOthers) {
  const ChatTemplate chat_template = Read(
      "{% for m in messages %}{% if m.role == 'system' %}{{ m | tojson }}{% else %}{{ m.content }}{% endif "
      "%}{% endfor %}");
  EXPECT_EQ(chat_template.format, ChatFormat::kOther);
  EXPECT_THAT(chat_template.problem, testing::HasSubstr("'tojson'"));
  EXPECT_EQ(Render(chat_template, {{"user", "hi"}}), "hi");
}

TEST(ChatTemplate, LeavesItToTheTemplateWhichMessagesItTakes) {
  const ChatTemplate chat_template =
      Read("{% if messages[0].role == 'system' %}{{ raise_exception('No system turn') }}{% endif %}ok");
  EXPECT_EQ(chat_template.problem, "");
  const std::vector<ChatMessage> chat = {{"system", "x"}};
  const auto ids = RenderChat(chat_template, chat, *MakeTokenizer());
  EXPECT_TRUE(absl::IsInvalidArgument(ids.status()));
  EXPECT_THAT(std::string(ids.status().message()), testing::HasSubstr("No system turn"));
}

}  // namespace
}  // namespace pass
