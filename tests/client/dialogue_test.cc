// Commands that show or converse: runs of accepted drafts, chat.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/run_painter.h"
#include "tests/client/run_on_strings.h"
#include "tests/client/scripted_server.h"

namespace pass {
namespace {

using ::testing::HasSubstr;

ClientRun ShowRuns(const ScriptedServer& server, const std::string& color) {
  return RunOnStrings(
      {"generate", "--address", server.address(), "--prompt", "p", "--show-runs", "--color", color});
}

TEST(ShowRuns, BracketsEachAcceptedDraft) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1), Step("bcde", 4, 2, 2), Step("fg", 4, 0, 2), End(7)};
  EXPECT_EQ(ShowRuns(server, "never").out, "ab[c][d]efg");
}

TEST(ShowRuns, ShadesAcceptedDraftsAndKeepsLineBreaksOutOfTheShade) {
  ScriptedServer server;
  server.messages = {Step("bc\nd", 4, 2, 2), End(4)};
  EXPECT_EQ(ShowRuns(server, "always").out,
            "b\x1b[38;5;231;48;5;22mc\x1b[0m\x1b[38;5;231;48;5;29m↵\x1b[0m\nd");
}

TEST(ShowRuns, ShowsMergedStepsPlain) {
  ScriptedServer server;
  server.messages = {Step("abcdefgh", 8, 4, 4), End(8)};
  EXPECT_EQ(ShowRuns(server, "never").out, "abcdefgh");
}

TEST(ShowRuns, ARoundCutShortMarksOnlyWhatCameThrough) {
  ScriptedServer server;
  server.messages = {Step("ab", 4, 4, 2), End(2)};
  EXPECT_EQ(ShowRuns(server, "never").out, "a[b]");
}

TEST(ShowRuns, JoinsTokensThatShareACharacter) {
  ScriptedServer server;
  v1::GenerateResponse step = Step("", 4, 2, 2);
  for (const int id : {1000 + 'x', 1, 2, 1000 + 'y'}) step.add_token_ids(id);
  step.set_text("xéy");
  server.messages = {step, End(4)};
  EXPECT_EQ(ShowRuns(server, "never").out, "x[é]y");
}

TEST(ShowRuns, KeepsTheMarkOfTextThatWasHeldBack) {
  ScriptedServer server;
  v1::GenerateResponse first = Step("abc", 4, 1, 2);
  first.set_text("a");
  v1::GenerateResponse second = Step("de", 4, 0, 2);
  second.set_text("bcde");
  server.messages = {first, second, End(5)};
  EXPECT_EQ(ShowRuns(server, "never").out, "a[b]cde");
}

TEST(ShowRuns, ShowsTextThatFitsNoTokenUnmarked) {
  ScriptedServer server;
  v1::GenerateResponse step = Step("abc", 4, 1, 2);
  step.set_text("another text");
  server.messages = {step, Step("de", 4, 0, 2), End(5)};
  EXPECT_EQ(ShowRuns(server, "never").out, "another textde");
}

TEST(ShowRuns, ATokenWhoseTextIsKnownIsNotAskedForAgain) {
  ScriptedServer server;
  const PassClient client(server.address());
  std::istringstream in;
  std::ostringstream out, err;
  Console console{in, out, err};
  RunPainter painter(&client, /*color=*/false, &console);
  painter.Learn({1000 + 'a', 1000 + 'b', 1000 + 'a'});
  EXPECT_EQ(server.detokenize_requests.size(), 2u);
  painter.Paint(Step("ab", 1, 1, 2));
  EXPECT_EQ(server.detokenize_requests.size(), 2u);
  painter.Paint(Step("ac", 1, 1, 2));
  EXPECT_EQ(server.detokenize_requests.size(), 3u);
  EXPECT_EQ(out.str(), "a[b]a[c]");
}

// A completion's text keeps the space that SentencePiece writes before a word; so must the text that is looked for.
TEST(ShowRuns, AsksForTheTextOfTokensAsOneThatContinues) {
  ScriptedServer server;
  server.messages = {Step("abc", 1, 1, 2), End(3)};
  ShowRuns(server, "never");
  ASSERT_FALSE(server.detokenize_requests.empty());
  for (const v1::DetokenizeRequest& request : server.detokenize_requests) EXPECT_TRUE(request.continues());
}

TEST(Chat, RemembersWhatWasSaid) {
  ScriptedServer server;
  server.messages = {Step("yes", 0, 0, 1), End(3)};
  const ClientRun run =
      RunOnStrings({"chat", "--address", server.address(), "--system", "Be brief.", "--quiet"},
                   "one\n\ntwo\n/clear\nthree\n/quit\nfour\n");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.out, "yes\nyes\nyes\n");
  ASSERT_EQ(server.requests.size(), 3u);
  const v1::Chat& second = server.requests[1].chat();
  ASSERT_EQ(second.messages_size(), 4);
  EXPECT_EQ(second.messages(0).role(), "system");
  EXPECT_EQ(second.messages(1).content(), "one");
  EXPECT_EQ(second.messages(2).role(), "assistant");
  EXPECT_EQ(second.messages(2).content(), "yes");
  EXPECT_EQ(second.messages(3).content(), "two");
  EXPECT_EQ(server.requests[2].chat().messages_size(), 2);  // the system message outlives /clear
}

TEST(Chat, AnswersOnePromptAndEnds) {
  ScriptedServer server;
  server.messages = {Step("yes", 0, 0, 1), End(3)};
  const ClientRun run =
      RunOnStrings({"chat", "--address", server.address(), "--prompt", "hi", "--json"}, "unread\n");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("\"type\":\"summary\""));
  ASSERT_EQ(server.requests.size(), 1u);
  EXPECT_EQ(server.requests[0].chat().messages(0).content(), "hi");
}

TEST(Chat, AScriptLearnsOfAnErrorAndAPersonMayGoOn) {
  ScriptedServer server;
  server.status = RichError();
  EXPECT_EQ(RunOnStrings({"chat", "--address", server.address()}, "one\ntwo\n").code, 1);
  EXPECT_EQ(server.requests.size(), 1u);
  EXPECT_EQ(RunOnStrings({"chat", "--address", server.address()}, "one\ntwo\n", /*terminal=*/true).code, 0);
  ASSERT_EQ(server.requests.size(), 3u);
  EXPECT_EQ(server.requests[2].chat().messages_size(), 1);  // the failed turn is not part of the conversation
}

TEST(Chat, ALineThatIsNoUtf8EndsAScriptAndNotAConversation) {
  ScriptedServer server;
  server.messages = {Step("yes", 0, 0, 1), End(3)};
  const std::string input = "one\n\xff\ntwo\n";
  EXPECT_EQ(RunOnStrings({"chat", "--address", server.address()}, input).code, 2);
  EXPECT_EQ(server.requests.size(), 1u);
  const ClientRun run = RunOnStrings({"chat", "--address", server.address()}, input, /*terminal=*/true);
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.err, HasSubstr("not valid UTF-8"));
  ASSERT_EQ(server.requests.size(), 3u);
  EXPECT_EQ(server.requests[2].chat().messages_size(), 3);
}

}  // namespace
}  // namespace pass
