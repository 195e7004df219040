#include "core/corpus/prompt_file.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/text/tiny_vocabulary.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Prompt Text(std::string text) { return {.text = std::move(text), .chat = {}}; }
Prompt Chat(std::vector<ChatMessage> chat) { return {.text = {}, .chat = std::move(chat)}; }

std::string ErrorOf(std::string_view bytes) {
  return std::string(ParsePrompts(bytes, "set.txt").status().message());
}

TEST(PromptFile, SplitsTextAtLinesOfTwoPercentSigns) {
  EXPECT_THAT(*ParsePrompts("def f():\n    x %% y\n%%\n\n  indented\n\n%%\nlast", "set.txt"),
              ElementsAre(Text("def f():\n    x %% y"), Text("\n  indented"), Text("last")));
}

TEST(PromptFile, ReadsTheTurnsOfAChat) {
  EXPECT_THAT(
      *ParsePrompts("@system\nBe brief.\n@user\nHello\n\nthere\n@assistant\nYes?\n@user\n@users\n",
                    "set.txt"),
      ElementsAre(Chat(
          {{"system", "Be brief."}, {"user", "Hello\n\nthere"}, {"assistant", "Yes?"}, {"user", "@users"}})));
}

TEST(PromptFile, TakesADecoratorForText) {
  EXPECT_THAT(*ParsePrompts("@property\ndef user(self):\n", "set.txt"),
              ElementsAre(Text("@property\ndef user(self):")));
}

TEST(PromptFile, NamesThePromptThatItRefuses) {
  EXPECT_EQ(ErrorOf("one\n%%\n\n%%\nthree\n"), "set.txt: prompt 2 is empty: remove it or its separator");
  EXPECT_THAT(ErrorOf("one\n%%\n"), HasSubstr("prompt 2 is empty"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("prompt 1 is empty"));
  EXPECT_THAT(ErrorOf("a\xFF"), HasSubstr("prompt 1 is not UTF-8"));
  EXPECT_THAT(ErrorOf("@user\n@user\nHello"), HasSubstr("has an empty message"));
  EXPECT_THAT(ErrorOf("@user\nHello\n@assistant\nYes?\n"),
              HasSubstr("does not end with a message of the user"));
  EXPECT_EQ(ReadPromptFile("/nowhere/set.txt").status().code(), absl::StatusCode::kNotFound);
}

TEST(PromptFile, EncodesTextAsTheServerDoes) {
  TokenizerSpec spec = TinySpec();
  TextModel model;
  model.tokenizer = *Tokenizer::Create(spec);
  const std::vector<TokenId> plain = *EncodePrompt(Text("abc"), model);
  EXPECT_EQ(plain, *model.tokenizer->Encode("abc"));
  spec.bos = 7;
  spec.add_bos = true;
  model.tokenizer = *Tokenizer::Create(spec);
  std::vector<TokenId> with_bos = plain;
  with_bos.insert(with_bos.begin(), 7);
  EXPECT_EQ(*EncodePrompt(Text("abc"), model), with_bos);
  EXPECT_EQ(EncodePrompt(Chat({{"user", "abc"}}), model).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// The committed sets, as bench/prompts/README.md describes them.
TEST(PromptFile, TheBenchmarksSetsHaveFortyPromptsEachAndShareNoneWithTheTests) {
  const std::string root = PASS_SOURCE_DIR;
  std::set<std::string> seen;
  const auto add = [&](const std::string& path) {
    const auto prompts = ReadPromptFile(root + path);
    EXPECT_TRUE(prompts.ok()) << prompts.status();
    for (const Prompt& prompt : prompts.value_or(std::vector<Prompt>{})) {
      const std::string& text = prompt.chat.empty() ? prompt.text : prompt.chat.back().content;
      EXPECT_TRUE(seen.insert(text).second) << path << ": this prompt is there twice: " << text;
    }
    return prompts.value_or(std::vector<Prompt>{});
  };
  EXPECT_EQ(add("/bench/prompts/code.txt").size(), 40u);
  EXPECT_EQ(add("/bench/prompts/prose.txt").size(), 40u);
  EXPECT_GE(add("/bench/prompts/python.txt").size(), 40u);
  EXPECT_GE(add("/bench/prompts/english.txt").size(), 40u);
  const std::vector<Prompt> chats = add("/bench/prompts/chat.txt");
  EXPECT_GE(chats.size(), 40u);
  for (const Prompt& chat : chats) EXPECT_FALSE(chat.chat.empty()) << chat.text;
  add("/tests/e2e/prompts/code.txt");
  add("/tests/e2e/prompts/prose.txt");
}

}  // namespace
}  // namespace pass
