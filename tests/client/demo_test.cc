#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/client/run_on_strings.h"
#include "tests/client/scripted_server.h"

namespace pass {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<v1::GenerateResponse> Script(const std::string& text, double decode_seconds) {
  v1::GenerateResponse end = End(4);
  end.mutable_finish()->mutable_timing()->set_decode_seconds(decode_seconds);
  return {Step(text.substr(0, 1), 0, 0, 1), Step(text.substr(1), 4, 1, 2), end};
}

// Serves "abcd": plain in two seconds, pass in 1.6, auto in one.
void Serve(ScriptedServer* server) {
  server->info.set_model("tiny");
  server->info.set_lookahead(4);
  server->info.set_chat_format("chatml");
  server->messages = Script("abcd", 2);
  for (auto& message : server->messages) message.mutable_finish()->mutable_speculation()->set_drafted(0);
  server->messages_of_method["pass"] = Script("abcd", 1.6);
  server->messages_of_method["auto"] = Script("abcd", 1);
}

ClientRun RunDemo(const ScriptedServer& server, std::vector<std::string> flags = {}) {
  flags.insert(flags.begin(), {"demo", "--address", server.address()});
  return RunOnStrings(flags);
}

TEST(Demo, RunsPlainAlgorithm1AndTheDefaultOnTextsAndChats) {
  ScriptedServer server;
  Serve(&server);
  const ClientRun run = RunDemo(server);
  EXPECT_EQ(run.code, 0) << run.err;
  ASSERT_EQ(server.requests.size(), 24u);
  constexpr const char* kMethods[] = {"plain", "pass", "auto"};
  size_t chats = 0;
  for (size_t i = 0; i < server.requests.size(); ++i) {
    const v1::GenerateRequest& request = server.requests[i];
    EXPECT_EQ(request.sampling().temperature(), 0);
    EXPECT_EQ(request.stopping().max_tokens(), 48);
    EXPECT_EQ(request.speculation().method(), kMethods[i % 3]);
    if (!request.has_chat()) continue;
    ++chats;
    ASSERT_EQ(request.chat().messages_size(), 1);
    EXPECT_EQ(request.chat().messages(0).role(), "user");
    EXPECT_NE(request.chat().messages(0).content(), "");
  }
  EXPECT_EQ(chats, 6u);
}

TEST(Demo, ShowsTwoTextsWithTheirAcceptedDraftsMarked) {
  ScriptedServer server;
  Serve(&server);
  const std::string out = RunDemo(server).out;
  for (const std::string kind : {"code", "prose"}) {
    EXPECT_THAT(out, HasSubstr("-- " + kind + ", plain: one token a forward -"));
    EXPECT_THAT(out, HasSubstr("-- " + kind + ", PaSS: accepted drafts in [brackets] -"));
    EXPECT_THAT(out, HasSubstr("-- " + kind + ", auto: accepted drafts in [brackets] -"));
  }
  EXPECT_THAT(out, Not(HasSubstr("-- chat")));
  size_t marked = 0;
  for (size_t at = out.find("ab[c]d\n"); at != std::string::npos; at = out.find("ab[c]d\n", at + 1)) ++marked;
  EXPECT_EQ(marked, 4u);  // two texts, each with two methods that draft
}

TEST(Demo, SumsTheNumbersByKindAndOverAllPrompts) {
  ScriptedServer server;
  Serve(&server);
  const std::string out = RunDemo(server).out;
  EXPECT_THAT(out, HasSubstr("code  the cheapest offer            1.5      1.9      3.0\n"));
  EXPECT_THAT(out,
              HasSubstr("                              tokens/                mean\n"
                        "             tokens forwards  forward acceptance accepted tokens/s speed-up\n"));
  EXPECT_THAT(out, HasSubstr("code  plain      12       30     0.40          -        -      1.5        -\n"
                             "      PaSS       12       30     0.40        50%     1.50      1.9    1.25x\n"
                             "      auto       12       30     0.40        50%     1.50      3.0    2.00x\n"
                             "prose plain      12"));
  EXPECT_THAT(out,
              HasSubstr("chat  plain       8       20     0.40          -        -      1.5        -\n"));
  EXPECT_THAT(out,
              HasSubstr("all   plain      32       80     0.40          -        -      1.5        -\n"
                        "      PaSS       32       80     0.40        50%     1.50      1.9    1.25x\n"
                        "      auto       32       80     0.40        50%     1.50      3.0    2.00x\n"));
}

TEST(Demo, ShowsControlCharactersAsMarks) {
  ScriptedServer server;
  Serve(&server);
  server.messages = Script("a\x1b[2J", 2);
  for (const char* method : {"pass", "auto"}) server.messages_of_method[method] = server.messages;
  const ClientRun run =
      RunOnStrings({"demo", "--address", server.address(), "--color", "never"}, "", /*terminal=*/true);
  EXPECT_THAT(run.out, HasSubstr("a␛[2J"));
  EXPECT_THAT(run.out, Not(HasSubstr("\x1b")));
}

TEST(Demo, FitsEightyColumnsOutsideTheTexts) {
  ScriptedServer server;
  Serve(&server);
  std::istringstream out(RunDemo(server).out);
  for (std::string line; std::getline(out, line);) {
    // Prompts are longer where they are prose; a terminal wraps them.
    if (!line.starts_with("Bread rises")) {
      EXPECT_LE(line.size(), 80u) << line;
    }
  }
}

TEST(Demo, SaysLastThatTheTextsAreIdentical) {
  ScriptedServer server;
  Serve(&server);
  EXPECT_THAT(RunDemo(server).out,
              EndsWith("All 8 texts are byte-identical: plain, PaSS and auto gave the same "
                       "tokens,\nthe same text and the same end.\n"));
}

TEST(Demo, NamesTheTextsThatDifferAndFails) {
  ScriptedServer server;
  Serve(&server);
  server.messages_of_method["auto"] = Script("abcx", 1);
  const ClientRun run = RunDemo(server);
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("DIFFERENT from plain: auto on code, the cheapest offer.\n"));
  EXPECT_THAT(run.out, EndsWith("DIFFERENT from plain: auto on chat, a note to neighbours.\n"));
  EXPECT_THAT(run.out, Not(HasSubstr("identical")));
  EXPECT_THAT(run.out, Not(HasSubstr("DIFFERENT from plain: PaSS")));
}

TEST(Demo, LeavesOutWhatTheModelCannotDoAndSaysSo) {
  ScriptedServer server;
  Serve(&server);
  server.info.set_lookahead(0);
  server.info.set_chat_format("none");
  const ClientRun run = RunDemo(server);
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(server.requests.size(), 12u);
  for (const v1::GenerateRequest& request : server.requests) {
    EXPECT_NE(request.speculation().method(), "pass");
    EXPECT_FALSE(request.has_chat());
  }
  EXPECT_THAT(run.out, HasSubstr("PaSS is left out"));
  EXPECT_THAT(run.out, HasSubstr("the chats are left out"));
  EXPECT_THAT(run.out, HasSubstr("All 6 texts are byte-identical: plain and auto gave"));
}

TEST(Demo, EndsWithTheServersError) {
  ScriptedServer server;
  server.status = {grpc::StatusCode::FAILED_PRECONDITION, "no look-ahead tokens"};
  const ClientRun run = RunDemo(server);
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("error: FAILED_PRECONDITION: no look-ahead tokens"));
}

}  // namespace
}  // namespace pass
