// Settings, log lines, the ready file and signals: what happens around the service.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "server/config.h"
#include "server/logging.h"
#include "server/ready_file.h"
#include "server/shutdown_signal.h"
#include "server/status_conversion.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using testing::ExitedWithCode;
using testing::HasSubstr;

std::optional<int> Parse(std::vector<const char*> arguments, ServerConfig* config) {
  arguments.insert(arguments.begin(), "pass-server");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data(), config);
}

TEST(Config, ReadsFlags) {
  ServerConfig config;
  ASSERT_EQ(
      Parse({"--model", "m.gguf", "--listen", "0.0.0.0:1", "--dtype", "fp32", "--weights", "as-stored",
             "--max-queue", "3", "--reflection", "--drain-timeout", "1.5", "--slow-reader-timeout", "250ms"},
            &config),
      std::nullopt);
  EXPECT_EQ(config.model, "m.gguf");
  EXPECT_EQ(config.listen, "0.0.0.0:1");
  EXPECT_EQ(config.dtype, "fp32");
  EXPECT_EQ(config.weights, "as-stored");
  EXPECT_EQ(config.max_queue, 3);
  EXPECT_TRUE(config.reflection);
  EXPECT_EQ(config.drain_timeout, absl::Milliseconds(1500));
  EXPECT_EQ(config.slow_reader_timeout, absl::Milliseconds(250));
  EXPECT_EQ(config.max_sequences, 16);
}

TEST(Config, LetsFlagsWinOverTheEnvironmentAndThatOverTheFile) {
  const TemporaryFolder folder;
  const std::string file =
      folder.Write("pass.toml", "model = \"file.gguf\"\nmax-queue = 1\nmax-sequences = 2\n");
  setenv("PASS_MAX_QUEUE", "10", 1);
  setenv("PASS_MAX_SEQUENCES", "20", 1);
  ServerConfig config;
  const std::optional<int> code = Parse({"--config", file.c_str(), "--max-queue", "100"}, &config);
  unsetenv("PASS_MAX_QUEUE");
  unsetenv("PASS_MAX_SEQUENCES");
  ASSERT_EQ(code, std::nullopt);
  EXPECT_EQ(config.max_queue, 100);
  EXPECT_EQ(config.max_sequences, 20);
  EXPECT_EQ(config.model, "file.gguf");
}

TEST(Config, RefusesWhatIsWrongInOneLineThatNamesTheFlag) {
  const std::vector<std::pair<std::vector<const char*>, std::string>> cases = {
      {{}, "--model"},
      {{"--model", "m", "--dtype", "int4"}, "--dtype"},
      {{"--model", "m", "--weights", "w3"}, "--weights"},
      {{"--model", "m", "--max-queue", "0"}, "--max-queue"},
      {{"--model", "m", "--kv-cache-mib", "-1"}, "--kv-cache-mib"},
      {{"--model", "m", "--threads", "many"}, "--threads"},
      {{"--model", "m", "--drain-timeout", "soon"}, "--drain-timeout"},
      {{"--model", "m", "--slow-reader-timeout", "0"}, "--slow-reader-timeout"},
      {{"--model", "m", "--no-such-flag"}, "--no-such-flag"}};
  for (const auto& [arguments, flag] : cases) {
    ServerConfig config;
    testing::internal::CaptureStderr();
    EXPECT_EQ(Parse(arguments, &config), 1) << flag;
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_THAT(said, HasSubstr(flag));
    EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
  }
}

TEST(Config, PrintsItsVersion) {
  ServerConfig config;
  testing::internal::CaptureStdout();
  EXPECT_EQ(Parse({"--version"}, &config), 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "pass-server " + ServerVersion() + "\n");
}

TEST(Config, IsLoggedWithEverySetting) {
  ServerConfig config;
  testing::internal::CaptureStdout();
  EXPECT_EQ(Parse({"--help"}, &config), 0);
  const std::string help = testing::internal::GetCapturedStdout();
  ASSERT_TRUE(ConfigureLogging("text", "info").ok());
  testing::internal::CaptureStderr();
  LogConfig(config);
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(ConfigureLogging("text", "error").ok());
  int settings = 0;
  const std::regex flag("\n +(?:-h,)?--([a-z-]+)");
  for (std::sregex_iterator found(help.begin(), help.end(), flag), end; found != end; ++found) {
    std::string name = (*found)[1];
    if (name == "help" || name == "version" || name == "config") continue;
    std::ranges::replace(name, '-', '_');
    EXPECT_THAT(log, testing::ContainsRegex(" " + name + "(_seconds)?=")) << name;
    ++settings;
  }
  EXPECT_GT(settings, 20);
}

TEST(Logging, WritesOneLineWhateverIsInAField) {
  const std::string line = RenderLogLine(/*json=*/false, "event",
                                         {{"plain", std::string("a-b")},
                                          {"odd", std::string("a \"b\"\nc=d")},
                                          {"empty", std::string()},
                                          {"count", int64_t{7}},
                                          {"ratio", 0.5},
                                          {"flag", true}});
  EXPECT_EQ(line, R"(event plain=a-b odd="a \"b\"\nc=d" empty="" count=7 ratio=0.5 flag=true)");
}

TEST(Logging, WritesJsonThatParses) {
  const std::string line =
      RenderLogLine(/*json=*/true, "event",
                    {{"odd", std::string("a \"b\"\n\xff")}, {"count", int64_t{7}}, {"flag", false}});
  const auto json = nlohmann::json::parse("{" + line + "}");
  EXPECT_EQ(json["event"], "event");
  EXPECT_EQ(json["odd"], "a \"b\"\n\xef\xbf\xbd");
  EXPECT_EQ(json["count"], 7);
  EXPECT_EQ(json["flag"], false);
}

TEST(Logging, RefusesUnknownFormatsAndLevels) {
  EXPECT_THAT(std::string(ConfigureLogging("xml", "info").message()), HasSubstr("--log-format"));
  EXPECT_THAT(std::string(ConfigureLogging("text", "loud").message()), HasSubstr("--log-level"));
}

TEST(ReadyFile, HoldsTheAddressesAndLeavesNothingElse) {
  const TemporaryFolder folder;
  ASSERT_TRUE(WriteReadyFile(folder.Path("ready"), "127.0.0.1:1", "127.0.0.1:2").ok());
  EXPECT_EQ(ReadWholeFile(folder.Path("ready")), "{\"grpc\":\"127.0.0.1:1\",\"metrics\":\"127.0.0.1:2\"}\n");
  const absl::Status refused = WriteReadyFile(folder.Path("no/such/folder"), "a", "b");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--ready-file"));
}

TEST(ReadyFile, IsRemovedIfThereIsOne) {
  const TemporaryFolder folder;
  const std::string file = folder.Write("ready", "{}");
  EXPECT_TRUE(RemoveReadyFile(file).ok());
  EXPECT_NE(access(file.c_str(), F_OK), 0);
  EXPECT_TRUE(RemoveReadyFile(file).ok());
  EXPECT_TRUE(RemoveReadyFile("").ok());
  const absl::Status refused = RemoveReadyFile(folder.path());
  EXPECT_THAT(std::string(refused.message()), HasSubstr(folder.path() + " (--ready-file)"));
}

// In a process of its own, since signals are blocked for good.
class ShutdownSignalDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    ASSERT_TRUE(ConfigureLogging("text", "warning").ok());
  }
};

TEST_F(ShutdownSignalDeathTest, OrderlyEndAfterTheFirstSignal) {
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Seconds(60));
        signals.BecomeOrderly();
        kill(getpid(), SIGTERM);
        signals.Wait();
        _exit(42);
      },
      ExitedWithCode(42), "");
}

TEST_F(ShutdownSignalDeathTest, EndsAtOnceBeforeReady) {
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Seconds(60));
        kill(getpid(), SIGTERM);
        signals.Wait();
        _exit(42);
      },
      ExitedWithCode(0), "");
}

TEST_F(ShutdownSignalDeathTest, EndsWithOneOnTheSecondSignalOrAfterTheLimit) {
  const auto wait_forever = [] { absl::Notification().WaitForNotification(); };
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Seconds(60));
        signals.BecomeOrderly();
        kill(getpid(), SIGTERM);
        signals.Wait();
        kill(getpid(), SIGINT);
        wait_forever();
      },
      ExitedWithCode(1), "second signal");
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Milliseconds(1));
        signals.BecomeOrderly();
        kill(getpid(), SIGTERM);
        wait_forever();
      },
      ExitedWithCode(1), "took too long");
}

TEST_F(ShutdownSignalDeathTest, LimitsAnEndThatWasAskedForFromWithinToo) {
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Milliseconds(1));
        signals.BecomeOrderly();
        signals.Ask();
        absl::Notification().WaitForNotification();
      },
      ExitedWithCode(1), "took too long");
}

TEST_F(ShutdownSignalDeathTest, IsNoneForAHangUpWhichEndsTheProcessAsAnyOther) {
  EXPECT_EXIT(
      {
        ShutdownSignal signals(absl::Seconds(60));
        signals.BecomeOrderly();
        signal(SIGHUP, SIG_DFL);  // a test that was started under nohup inherits another
        kill(getpid(), SIGHUP);
        signals.Wait();
        _exit(42);
      },
      testing::KilledBySignal(SIGHUP), "");
}

TEST(StatusConversion, TellsClientsNothingOfWhatFailedInside) {
  const absl::Status secret = absl::InternalError("pointer 0xdeadbeef in /models/x");
  const grpc::Status status = ToGrpcStatus(ClientError(secret, "id-7"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("id-7"));
  EXPECT_THAT(status.error_message(), testing::Not(HasSubstr("0x")));
  EXPECT_EQ(ToGrpcStatus(ClientError(absl::UnknownError("x"), "i")).error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
}

}  // namespace
}  // namespace pass
