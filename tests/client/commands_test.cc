#include "client/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/client/run_on_strings.h"
#include "tests/client/scripted_server.h"

namespace pass {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

std::vector<Json> JsonLines(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(Json::parse(line));
  return lines;
}

TEST(Generate, PrintsALineAMessageAndASummary) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1), Step("bcd", 4, 1, 2), End(4)};
  const ClientRun run = RunOnStrings(
      {"generate", "--address", server.address(), "--prompt", "p", "--method", "pass", "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  const std::vector<Json> lines = JsonLines(run.out);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[1], Json::parse(R"({"type":"step","token_ids":[1098,1099,1100],"text":"bcd","method":"pass",
      "drafted":4,"accepted":1,"rows":10,"forwards":2,"step_seconds":0.25})"));
  const Json& summary = lines[2];
  EXPECT_EQ(summary["type"], "summary");
  EXPECT_THAT(summary["token_ids"].get<std::vector<int>>(), ElementsAre(1097, 1098, 1099, 1100));
  EXPECT_EQ(summary["text"], "abcd");
  EXPECT_EQ(summary["finish_reason"], "length");
  EXPECT_EQ(summary["prompt_tokens"], 5);
  EXPECT_EQ(summary["completion_tokens"], 4);
  EXPECT_EQ(summary["forwards"], 10);
  EXPECT_EQ(summary["validation_steps"], 4);
  EXPECT_EQ(summary["drafted"], 12);
  EXPECT_EQ(summary["accepted"], 6);
  EXPECT_EQ(summary["acceptance_rate"], 0.5);
  EXPECT_EQ(summary["mean_accepted_length"], 1.5);
  EXPECT_EQ(summary["first_token_seconds"], 0.5);
  EXPECT_EQ(summary["decode_seconds"], 2.0);
  EXPECT_EQ(summary["tokens_per_second"], 1.5);  // three tokens after the first in two seconds
  EXPECT_EQ(summary["seed"], 99);
}

TEST(Generate, SendsEveryOptionAndNothingUnasked) {
  ScriptedServer server;
  server.messages = {End(1)};
  const ClientRun run = RunOnStrings({"generate",
                                      "--address",
                                      server.address(),
                                      "--prompt",
                                      "-x",
                                      "--max-tokens",
                                      "7",
                                      "--temperature",
                                      "0.5",
                                      "--top-k",
                                      "3",
                                      "--top-p",
                                      "0.9",
                                      "--min-p",
                                      "0.1",
                                      "--seed",
                                      "18446744073709551615",
                                      "--stop",
                                      "A",
                                      "B",
                                      "--stop",
                                      "",
                                      "--stop-id",
                                      "4",
                                      "--ignore-eos",
                                      "--include-stop",
                                      "--method",
                                      "pass",
                                      "--lookahead",
                                      "0",
                                      "--request-id",
                                      "r1",
                                      "--json"});
  ASSERT_EQ(run.code, 0) << run.err;
  const v1::GenerateRequest& request = server.requests.at(0);
  EXPECT_EQ(request.text(), "-x");
  EXPECT_EQ(request.stopping().max_tokens(), 7);
  EXPECT_EQ(request.sampling().temperature(), 0.5);
  EXPECT_EQ(request.sampling().top_k(), 3);
  EXPECT_EQ(request.sampling().top_p(), 0.9);
  EXPECT_EQ(request.sampling().min_p(), 0.1);
  EXPECT_EQ(request.sampling().seed(), 18446744073709551615u);
  EXPECT_THAT(request.stopping().stop(), ElementsAre("A", "B", ""));
  EXPECT_THAT(request.stopping().stop_ids(), ElementsAre(4));
  EXPECT_TRUE(request.stopping().ignore_eos());
  EXPECT_TRUE(request.stopping().include_stop());
  EXPECT_EQ(request.speculation().method(), "pass");
  EXPECT_TRUE(request.speculation().has_lookahead());
  EXPECT_EQ(request.speculation().lookahead(), 0);
  EXPECT_EQ(request.request_id(), "r1");

  ASSERT_EQ(RunOnStrings({"generate", "--address", server.address(), "--prompt", ""}).code, 0);
  v1::GenerateRequest bare;
  bare.set_text("");
  bare.mutable_sampling();
  bare.mutable_stopping();
  EXPECT_EQ(server.requests.at(1).SerializeAsString(), bare.SerializeAsString());
}

TEST(Generate, TakesThePromptFromAFileOrStandardInputByteByByte) {
  ScriptedServer server;
  server.messages = {End(1)};
  const std::string path = ::testing::TempDir() + "/prompt.txt";
  std::ofstream(path) << "line one\nzwei: ü\n";
  EXPECT_EQ(RunOnStrings({"generate", "--address", server.address(), "--prompt-file", path}).code, 0);
  EXPECT_EQ(RunOnStrings({"generate", "--address", server.address(), "--prompt-file", "-"}, "in\n").code, 0);
  EXPECT_EQ(RunOnStrings({"generate", "--address", server.address(), "--prompt", "-"}, "").code, 0);
  std::remove(path.c_str());
  EXPECT_EQ(server.requests.at(0).text(), "line one\nzwei: ü\n");
  EXPECT_EQ(server.requests.at(1).text(), "in\n");
  EXPECT_EQ(server.requests.at(2).text(), "");
}

TEST(Generate, WritesTheTextAloneToAPipeAndTheSummaryToStandardError) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1), Step("bc", 4, 0, 2), End(3)};
  const ClientRun run = RunOnStrings({"generate", "--address", server.address(), "--prompt", "p"});
  EXPECT_EQ(run.out, "abc");
  EXPECT_EQ(run.err,
            "3 tokens, 10 forwards (0.30 tokens each), acceptance rate 50%, mean accepted length 1.50, "
            "1.0 tokens/s, finish: length\n");
  EXPECT_EQ(RunOnStrings({"generate", "--address", server.address(), "--prompt", "p", "--quiet"}).err, "");
}

TEST(Generate, ReportsAnRpcErrorWithItsFieldsAndExitsOne) {
  ScriptedServer server;
  server.status = RichError();
  for (const char* output : {"--json", "--show-runs"}) {
    const ClientRun run = RunOnStrings({"generate", "--address", server.address(), "--prompt", "p", output});
    EXPECT_EQ(run.code, 1);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err,
                StartsWith("error: INVALID_ARGUMENT: bad request\n  sampling.top_p: must be in (0, 1]\n"));
  }
}

TEST(Generate, GivesNoSummaryWhenTheStreamBreaks) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1)};
  server.status = {grpc::StatusCode::UNAVAILABLE, "draining"};
  const ClientRun run = RunOnStrings({"generate", "--address", server.address(), "--prompt", "p", "--json"});
  EXPECT_EQ(run.code, 1);
  EXPECT_EQ(JsonLines(run.out).size(), 1u);
  EXPECT_EQ(run.err, "error: UNAVAILABLE: draining\n");
}

TEST(Generate, EndsAtItsTimeout) {
  ScriptedServer server;
  server.hang = true;
  const ClientRun run = RunOnStrings(
      {"generate", "--address", server.address(), "--prompt", "p", "--timeout", "0.05", "--quiet"});
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, StartsWith("error: DEADLINE_EXCEEDED: "));
}

TEST(Generate, ShowsControlCharactersAsMarksOnATerminalAlone) {
  ScriptedServer server;
  server.messages = {Step("a\x1b", 0, 0, 1), Step("[2Jb", 0, 0, 1), End(6)};
  const std::vector<std::string> command{"generate", "--address", server.address(), "--prompt",
                                         "p",        "--quiet",   "--color",        "never"};
  const auto with = [&command](const std::string& flag) {
    std::vector<std::string> longer = command;
    longer.push_back(flag);
    return longer;
  };
  EXPECT_EQ(RunOnStrings(command, "", /*terminal=*/true).out, "a␛[2Jb\n");
  EXPECT_EQ(RunOnStrings(with("--show-runs"), "", /*terminal=*/true).out, "a␛[2Jb\n");
  EXPECT_EQ(RunOnStrings(command).out, "a\x1b[2Jb");
  EXPECT_EQ(RunOnStrings(with("--show-runs")).out, "a\x1b[2Jb");
  for (const bool terminal : {false, true}) {
    EXPECT_THAT(RunOnStrings(with("--json"), "", terminal).out, HasSubstr(R"("text":"a\u001b[2Jb")"));
  }
}

TEST(Generate, ShowsControlCharactersOfAnErrorAsMarks) {
  ScriptedServer server;
  server.status = {grpc::StatusCode::INTERNAL, "bad\x1b[31m"};
  const ClientRun run = RunOnStrings({"generate", "--address", server.address(), "--prompt", "p"});
  EXPECT_EQ(run.err, "error: INTERNAL: bad␛[31m\n");
}

TEST(Output, ThatCannotBeWrittenIsReportedWithItsCauseByEveryCommand) {
  ScriptedServer server;
  server.messages = {Step("a", 0, 0, 1), Step("b", 0, 0, 1), End(2)};
  server.SetServing("pass_server.v1.PassService", true);
  const std::vector<std::vector<std::string>> cases{
      {"generate", "--prompt", "p"},
      {"generate", "--prompt", "p", "--json"},
      {"generate", "--prompt", "p", "--show-runs"},
      {"chat", "--prompt", "p"},
      {"chat"},
      {"tokenize", "--prompt", "p"},
      {"info"},
      {"health"},
      {"demo"},
      {"--help"},
      {"--version"},
  };
  for (std::vector<std::string> arguments : cases) {
    if (!arguments[0].starts_with("--")) {
      arguments.insert(arguments.begin() + 1, {"--address", server.address()});
    }
    std::ofstream full("/dev/full");
    ASSERT_TRUE(full.is_open());
    const ClientRun run = RunInto(full, arguments, "one\ntwo\n");
    EXPECT_EQ(run.code, 1) << ::testing::PrintToString(arguments);
    EXPECT_THAT(run.err, EndsWith("error: cannot write to standard output: No space left on device\n"))
        << ::testing::PrintToString(arguments);
    EXPECT_THAT(run.err, Not(HasSubstr("CANCELLED"))) << ::testing::PrintToString(arguments);
  }
}

TEST(Usage, VersionIsPrintedAndExitsZero) {
  const ClientRun run = RunOnStrings({"--version"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, MatchesRegex("pass-client [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST(Usage, WrongUsageExitsTwoBeforeAnyCall) {
  ScriptedServer server;
  server.messages = {End(1)};
  const std::vector<std::vector<std::string>> cases{
      {},
      {"bogus"},
      {"generate"},
      {"generate", "--prompt", "a", "--prompt-file", "b"},
      {"generate", "--prompt"},
      {"generate", "--prompt", "a", "--bogus"},
      {"generate", "--prompt", "a", "extra"},
      {"generate", "--prompt", "a", "--max-tokens", "many"},
      {"generate", "--prompt", "a", "--max-tokens", "99999999999"},
      {"generate", "--prompt", "a", "--temperature", ""},
      {"generate", "--prompt", "a", "--seed", "-1"},
      {"generate", "--prompt", "a", "--timeout", "0"},
      {"generate", "--prompt", "a", "--color", "mauve"},
      {"generate", "--prompt", "a", "--json", "--show-runs"},
      {"generate", "--prompt", "caf\xe9"},
      {"generate", "--prompt", "a", "--stop", "\xff"},
      {"generate", "--prompt-file", "/nonexistent/prompt"},
      {"generate", "--prompt-file", "/"},
      {"tokenize"},
      {"info", "extra"},
  };
  for (std::vector<std::string> arguments : cases) {
    if (!arguments.empty() && arguments[0] != "bogus") {
      arguments.insert(arguments.begin() + 1, {"--address", server.address()});
    }
    const ClientRun run = RunOnStrings(arguments);
    EXPECT_EQ(run.code, 2) << ::testing::PrintToString(arguments);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, StartsWith("usage: ")) << ::testing::PrintToString(arguments);
  }
  EXPECT_TRUE(server.requests.empty());
}

TEST(Usage, HelpExitsZero) {
  EXPECT_THAT(RunOnStrings({"--help"}).out, HasSubstr("generate"));
  const ClientRun run = RunOnStrings({"generate", "--help"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, HasSubstr("--lookahead"));
}

TEST(Tokenize, PrintsTheIds) {
  ScriptedServer server;
  const ClientRun json =
      RunOnStrings({"tokenize", "--address", server.address(), "--prompt", "ab", "--json", "--no-bos"});
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.out, "{\"token_ids\":[1097,1098]}\n");
  EXPECT_TRUE(server.tokenize_requests.at(0).has_add_bos());
  EXPECT_FALSE(server.tokenize_requests.at(0).add_bos());
  EXPECT_EQ(RunOnStrings({"tokenize", "--address", server.address(), "--prompt", "ab"}).out, "1097 1098\n");
  EXPECT_FALSE(server.tokenize_requests.at(1).has_add_bos());
}

TEST(Info, PrintsTheModel) {
  ScriptedServer server;
  server.info.set_model("tiny");
  server.info.set_lookahead(4);
  server.info.set_dtype("bf16");
  server.info.set_context_length(8192);
  const ClientRun run = RunOnStrings({"info", "--address", server.address(), "--json"});
  EXPECT_EQ(run.code, 0) << run.err;
  const Json object = Json::parse(run.out);
  EXPECT_EQ(object["model"], "tiny");
  EXPECT_EQ(object["lookahead"], 4);
  EXPECT_EQ(object["dtype"], "bf16");
  EXPECT_EQ(object["context_length"], 8192);
  EXPECT_THAT(RunOnStrings({"info", "--address", server.address()}).out, HasSubstr("model: tiny\n"));
}

TEST(Info, ShowsControlCharactersAsMarksOnATerminalAlone) {
  ScriptedServer server;
  server.info.set_model("tiny\x1b[2J");
  const std::vector<std::string> command{"info", "--address", server.address()};
  EXPECT_THAT(RunOnStrings(command, "", /*terminal=*/true).out, HasSubstr("model: tiny␛[2J\n"));
  EXPECT_THAT(RunOnStrings(command).out, HasSubstr("model: tiny\x1b[2J\n"));
}

TEST(Health, ExitsZeroOnlyWhenServing) {
  ScriptedServer server;
  const std::vector<std::string> command{"health", "--address", server.address()};
  EXPECT_EQ(RunOnStrings(command).code, 1);
  server.SetServing("pass_server.v1.PassService", true);
  EXPECT_EQ(RunOnStrings(command).code, 0);
  EXPECT_EQ(RunOnStrings(command).out, "SERVING\n");
  server.SetServing("pass_server.v1.PassService", false);
  EXPECT_EQ(RunOnStrings(command).code, 1);
  EXPECT_EQ(RunOnStrings(command).out, "NOT_SERVING\n");
}

}  // namespace
}  // namespace pass
