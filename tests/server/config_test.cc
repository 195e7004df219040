// What people write into the environment and configuration files, by mistake and as other programs want it.
#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/nearest_name.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Outcome {
  std::optional<int> code;
  std::string error;
  ServerConfig config;
};

// A command line in an environment of its own.
Outcome Start(const std::vector<std::string>& arguments,
              const std::map<std::string, std::string>& environment = {}) {
  std::vector<const char*> argv = {"pass-server"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  Outcome outcome;
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  outcome.code = ParseCommandLine(static_cast<int>(argv.size()), argv.data(), &outcome.config);
  outcome.error = testing::internal::GetCapturedStderr();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "") << "errors belong on stderr";
  for (const auto& [name, value] : environment) unsetenv(name.c_str());
  return outcome;
}

Outcome StartWithFile(const std::string& text) {
  const TemporaryFolder folder;
  return Start({"--model", "m", "--config", folder.Write("pass.conf", text)});
}

void ExpectRefused(const Outcome& outcome, const std::string& place, const std::string& cure) {
  EXPECT_EQ(outcome.code, 1) << place << " is taken";
  EXPECT_THAT(outcome.error, AllOf(HasSubstr(place), HasSubstr(cure)));
  EXPECT_EQ(outcome.error.find('\n'), outcome.error.size() - 1) << "one line: " << outcome.error;
}

TEST(ConfigFile, ReadsKeysAndValuesAsTheyAreMeant) {
  const Outcome outcome = StartWithFile(
      "\xef\xbb\xbf# comment\r\n"
      "max-queue = 3  # fewer\r\n"
      "; another\r\n"
      "\tthreads=2\r\n"
      "dtype = 'fp32'\r\n"
      "lookahead-file = \"a # b \" # quoted\r\n"
      "listen = unix:/run/a:b.sock\r\n"
      "reflection = true\r\n"
      "drain-timeout = 2m");
  ASSERT_EQ(outcome.code, std::nullopt) << outcome.error;
  EXPECT_EQ(outcome.config.max_queue, 3);
  EXPECT_EQ(outcome.config.threads, 2);
  EXPECT_EQ(outcome.config.dtype, "fp32");
  EXPECT_EQ(outcome.config.lookahead_file, "a # b ");
  EXPECT_EQ(outcome.config.listen, "unix:/run/a:b.sock");
  EXPECT_TRUE(outcome.config.reflection);
  EXPECT_EQ(outcome.config.drain_timeout, absl::Minutes(2));
}

TEST(ConfigFile, RefusesWhatItCannotReadWithItsLineAndTheCure) {
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"threads = 1\nmax-quue = 3\n", "pass.conf:2:", "did you mean max-queue?"},
      {"max_queue = 3\n", "pass.conf:1:", "did you mean max-queue?"},
      {"--max-queue = 3\n", "pass.conf:1:", "did you mean max-queue?"},
      {"PASS_MAX_QUEUE=3\n", "pass.conf:1:", "did you mean max-queue?"},
      {"server.max-queue = 3\n", "pass.conf:1:", "did you mean max-queue?"},
      {"colour = red\n", "pass.conf:1:", "--help"},
      {"[server]\nmax-queue = 3\n", "pass.conf:1:", "remove the line"},
      {"max-queue: 3\n", "pass.conf:1:", "YAML"},
      {"---\nmax-queue: 3\n", "pass.conf:1:", "YAML"},
      {"model: \"a=b\"\n", "pass.conf:1:", "key = value"},
      {"{\"max-queue\": 3}\n", "pass.conf:1:", "JSON"},
      {"\n{\n  \"max-queue\": 3\n}\n", "pass.conf:2:", "key = value"},
      {std::string("\x7f"
                   "ELF\0\1\2",
                   7),
       "pass.conf:1:", "not text"},
      {std::string("m\0a\0x\0", 6), "pass.conf:1:", "key = value"},
      {"\xff\xfem\0a\0", "pass.conf", "UTF-8"},
      {"max-queue 3\n", "pass.conf:1:", "key = value"},
      {"reflection\n", "pass.conf:1:", "key = value"},
      {"max-queue =\n", "pass.conf:1: max-queue", "has no value"},
      {"ready-file = # none\n", "pass.conf:1: ready-file", "has no value"},
      {"dtype = \"fp32\n", "pass.conf:1: dtype", "not closed"},
      {"dtype = \"fp32\" \"bf16\"\n", "pass.conf:1: dtype", "after the closing quote"},
      {"threads = 1\nthreads = 2\n", "pass.conf:2: threads", "after line 1"},
      {"threads = two\n", "pass.conf:1: threads", "a whole number, not \"two\""},
      {"threads = -99999999999\n", "pass.conf:1: threads", "a larger number"},
      {"threads = 99999999999\n", "pass.conf:1: threads", "a smaller number"},
      {"threads = 1.5\n", "pass.conf:1: threads", "a whole number"},
      {"reflection = maybe\n", "pass.conf:1: reflection", "true or false"},
      {"drain-timeout = nan\n", "pass.conf:1: drain-timeout", "seconds"},
      {"max-queue = 0\n", "--max-queue", "pass.conf:1: max-queue"},
      {"config = other.conf\n", "pass.conf:1:", "remove the line"},
      {std::string(2 << 20, '#'), "pass.conf", "at most 1 MiB"}};
  for (const auto& [text, place, cure] : cases) ExpectRefused(StartWithFile(text), place, cure);
}

TEST(ConfigFile, MustBeThereWhereverItIsNamed) {
  const TemporaryFolder folder;
  ExpectRefused(Start({"--model", "m", "--config", folder.Path("none")}), folder.Path("none"), "--config");
  ExpectRefused(Start({"--model", "m"}, {{"PASS_CONFIG", folder.Path("none")}}), folder.Path("none"),
                "PASS_CONFIG");
  ExpectRefused(Start({"--model", "m", "--config", folder.path()}), folder.path(), "directory");
  EXPECT_EQ(Start({"--model", "m"}, {{"PASS_CONFIG", ""}}).code, std::nullopt);
}

TEST(Environment, TakesAnEmptyVariableForOneThatIsNotSet) {
  const Outcome outcome =
      Start({"--model", "m", "--reflection"},
            {{"PASS_READY_FILE", ""}, {"PASS_THREADS", ""}, {"PASS_REFLECTION", ""}, {"PASS_LISTEN", ""}});
  ASSERT_EQ(outcome.code, std::nullopt) << outcome.error;
  EXPECT_EQ(outcome.config.ready_file, "");
  EXPECT_TRUE(outcome.config.reflection);
  EXPECT_EQ(outcome.config.listen, ServerConfig().listen);
}

TEST(Environment, RefusesWhatIsMisspeltOrWrongAndNamesTheVariable) {
  ExpectRefused(Start({"--model", "m"}, {{"PASS_MAX_QUEU", "3"}}), "PASS_MAX_QUEU ", "PASS_MAX_QUEUE?");
  ExpectRefused(Start({"--model", "m"}, {{"PASS_THREADS", "all"}}), "PASS_THREADS", "a whole number");
  ExpectRefused(Start({"--model", "m"}, {{"PASS_REFLECTION", "maybe"}}), "PASS_REFLECTION", "true or false");
  ExpectRefused(Start({"--model", "m"}, {{"PASS_MAX_QUEUE", "-3"}}), "--max-queue", "PASS_MAX_QUEUE");
  ExpectRefused(Start({"--model", "m"}, {{"PASS_LISTEN", "8080"}}), "--listen", "set by PASS_LISTEN");
}

TEST(Environment, LeavesAloneWhatKubernetesSetsForAServiceOfThatName) {
  const Outcome outcome = Start({"--model", "m"}, {{"PASS_PORT", "tcp://10.0.0.1:50051"},
                                                   {"PASS_SERVICE_HOST", "10.0.0.1"},
                                                   {"PASS_SERVICE_PORT_GRPC", "50051"},
                                                   {"PASS_PORT_50051_TCP_ADDR", "10.0.0.1"},
                                                   {"PASS_MAX_ISA", "avx2"}});
  EXPECT_EQ(outcome.code, std::nullopt) << outcome.error;
}

TEST(CommandLine, RefusesWhatCannotBeMeantWithTheCure) {
  const std::vector<std::tuple<std::vector<std::string>, std::string, std::string>> cases = {
      {{"--max-quue", "3"}, "--max-quue", "did you mean --max-queue?"},
      {{"--max_queue=3"}, "--max_queue", "did you mean --max-queue?"},
      {{"-model", "m"}, "-model", "did you mean --model?"},
      {{"m.gguf"}, "m.gguf", "--model PATH"},
      {{"--model", "m", "extra"}, "extra", "is no flag"},
      {{"--model", "m", "--ready-file", "--reflection"}, "--ready-file", "--reflection follows"},
      {{"--model", "m", "--ready-file"}, "--ready-file", "needs a value"},
      {{"--model", "m", "--threads="}, "--threads", "has no value"},
      {{"--model", "m", "--reflection="}, "--reflection", "has no value"},
      {{"--model", "m", "--reflection=maybe"}, "--reflection", "true or false"},
      {{"--model", "m", "--threads", "0x10"}, "--threads", "a whole number"},
      {{"--model", "m", "--threads", "99999999999"}, "--threads", "a smaller number"},
      {{"--model", "m", "--drain-timeout", "nan"}, "--drain-timeout", "seconds"},
      {{"--model", "m", "--control-arm", "nan"}, "--control-arm", "number"},
      {{"--model", "m", "--control-arm", "1.5"}, "--control-arm", "0 to 1"},
      {{"--model", "m", "--drain-timeout", "inf"}, "--drain-timeout", "seconds"},
      {{"--model", "m", "--drain-timeout", "-inf"}, "--drain-timeout", "seconds"},
      {{"--model", "m", "--drain-timeout", "1e300"}, "--drain-timeout", "seconds"},
      {{"--model", "m", "--drain-timeout", "1e12"}, "--drain-timeout", "to 744h"},
      {{"--model", "m", "--drain-timeout", "-1"}, "--drain-timeout", "from 0"},
      {{"--model", "m", "--slow-reader-timeout", "NaN"}, "--slow-reader-timeout", "seconds"},
      {{"--model", "m", "--slow-reader-timeout", "infinity"}, "--slow-reader-timeout", "seconds"},
      {{"--model", "m", "--log-level", "loud"}, "--log-level", "debug, info"},
      {{"--model", "m", "--log-format", "xml"}, "--log-format", "text or json"},
      {{"--model", "m", "--context-length", "1"}, "--context-length", "from 16"},
      {{"--model", "m", "--method", "pass"}, "--method pass", "--lookahead-file"},
      {{"--model", "m", "--model-name", "two words"}, "--model-name", "no spaces"},
      {{"--model", "m", "--listen", "127.0.0.1:99999"}, "--listen", "65535"},
      {{"--model", "m", "--metrics-listen", "unix:/x"}, "--metrics-listen", "host:port"}};
  for (const auto& [arguments, place, cure] : cases) ExpectRefused(Start(arguments), place, cure);
}

TEST(CommandLine, TakesValuesInEveryOrdinaryForm) {
  const Outcome outcome = Start({"--model=m", "--ready-file=", "--lookahead-file", "", "--lookahead", "-1",
                                 "--reflection=false", "--max-queue", "1", "--max-queue=2"});
  ASSERT_EQ(outcome.code, std::nullopt) << outcome.error;
  EXPECT_EQ(outcome.config.ready_file, "");
  EXPECT_EQ(outcome.config.lookahead, -1);
  EXPECT_FALSE(outcome.config.reflection);
  EXPECT_EQ(outcome.config.max_queue, 2) << "the last one wins";
  EXPECT_EQ(Start({"--model", "--odd-name"}).config.model, "--odd-name");
}

TEST(NearestName, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3);
  EXPECT_EQ(EditDistance("max-qeuue", "max-queue"), 1);
  const std::vector<std::string> names = {"model", "method"};
  EXPECT_EQ(NearestName("metod", names, /*most=*/2), "method");
  EXPECT_EQ(NearestName("mxyzl", names, /*most=*/2), "");
}

}  // namespace
}  // namespace pass
