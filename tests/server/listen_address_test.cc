#include "server/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/server/raw_connection.h"
#include "tests/support/temporary_folder.h"

namespace pass {
namespace {

using testing::AllOf;
using testing::HasSubstr;

absl::StatusOr<ListenAddress> Parse(const std::string& text) {
  return ParseListenAddress("--listen", text, UnixSockets::kAllowed);
}

TEST(ListenAddress, ReadsEveryFormAndWritesItAsClientsDo) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"127.0.0.1:50051", "127.0.0.1:50051"},
      {"0.0.0.0:0", "0.0.0.0:0"},
      {"localhost:65535", "localhost:65535"},
      {"my-host_1.example:1", "my-host_1.example:1"},
      {"[::1]:0", "[::1]:0"},
      {"[::]:8080", "[::]:8080"},
      {"[fe80::1%eth0]:7", "[fe80::1%eth0]:7"},
      {"unix:/run/pass.sock", "unix:/run/pass.sock"},
      {"unix:///run/pass.sock", "unix:/run/pass.sock"},
      {"unix:pass.sock", "unix:pass.sock"}};
  for (const auto& [text, written] : cases) {
    const auto address = Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), written);
  }
}

TEST(ListenAddress, RefusesEveryMistakeWithItsFlagAndTheCure) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "host:port"},
      {"50051", "127.0.0.1:50051"},
      {"localhost", "the port is missing"},
      {"127.0.0.1:", "the port is missing"},
      {"127.0.0.1:99999", "from 0 to 65535"},
      {"127.0.0.1:65536", "from 0 to 65535"},
      {"127.0.0.1:99999999999999999999", "from 0 to 65535"},
      {"127.0.0.1:-1", "from 0 to 65535"},
      {"127.0.0.1:http", "from 0 to 65535"},
      {"127.0.0.1:50051 ", "from 0 to 65535"},
      {"127.0.0.1:+5", "from 0 to 65535"},
      {":50051", "the host is missing"},
      {"*:50051", "0.0.0.0"},
      {"256.0.0.1:50051", "IPv4"},
      {"127.0.0.1.1:50051", "IPv4"},
      {"::1", "as in [::1]:50051"},
      {"::1:50051", "as in [::1]:50051"},
      {"a:b:c", "brackets"},
      {"[::1]", "a colon and a port"},
      {"[::1]50051", "a colon and a port"},
      {"[::1", "bracket"},
      {"[]:1", "IPv6"},
      {"[127.0.0.1]:1", "IPv6"},
      {"http://127.0.0.1:1", "leave out http://"},
      {"dns:///localhost:1", "leave out dns:///"},
      {"two words:1", "not a host name"},
      {"unix:", "the path is missing"},
      {"unix://host/path", "unix:///path"},
      {"unix:/" + std::string(200, 'x'), "at most 107 bytes"}};
  for (const auto& [text, cure] : cases) {
    const auto address = Parse(text);
    ASSERT_FALSE(address.ok()) << text << " is read as " << address->ToString();
    EXPECT_THAT(std::string(address.status().message()), AllOf(HasSubstr("--listen"), HasSubstr(cure)));
  }
}

TEST(ListenAddress, RefusesUnixSocketsWhereNobodyCouldUseThem) {
  const auto address = ParseListenAddress("--metrics-listen", "unix:/x", UnixSockets::kRefused);
  ASSERT_FALSE(address.ok());
  EXPECT_THAT(std::string(address.status().message()),
              AllOf(HasSubstr("--metrics-listen"), HasSubstr("host:port")));
}

bool HasIpv6Loopback() { return ListeningSocket::Open("--x", {.host = "::1"}).ok(); }

TEST(ListeningSocket, TellsTheTruePortOfEveryKindOfHost) {
  std::vector<std::string> hosts = {"127.0.0.1", "localhost"};
  if (HasIpv6Loopback()) hosts.push_back("::1");
  for (const std::string& host : hosts) {
    const auto socket = ListeningSocket::Open("--listen", {.host = host});
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_GT(socket->address().port, 0);
    EXPECT_EQ(socket->address().host, host);
    if (host == "localhost") continue;
    const RawConnection connection(socket->address().ToString());
  }
}

TEST(ListeningSocket, ListensOnBothFamiliesWhenAskedForAll) {
  if (!HasIpv6Loopback()) GTEST_SKIP() << "this machine has no IPv6";
  const auto socket = ListeningSocket::Open("--listen", {.host = "::"});
  ASSERT_TRUE(socket.ok()) << socket.status();
  const std::string port = std::to_string(socket->address().port);
  const RawConnection ipv4("127.0.0.1:" + port);
  const RawConnection ipv6("[::1]:" + port);
}

TEST(ListeningSocket, SaysWhyItCannotListen) {
  const auto first = ListeningSocket::Open("--listen", {.host = "127.0.0.1"});
  ASSERT_TRUE(first.ok()) << first.status();
  const std::vector<std::pair<ListenAddress, std::string>> cases = {
      {first->address(), "it is taken"},
      {{.host = "192.0.2.1"}, "no address of this machine"},
      {{.host = "no-such-host.invalid"}, "the host is unknown"},
      {{.unix_path = "/no/such/folder/x.sock"}, "the folder does not exist"}};
  for (const auto& [address, why] : cases) {
    const auto socket = ListeningSocket::Open("--listen", address);
    ASSERT_FALSE(socket.ok()) << address.ToString();
    EXPECT_THAT(std::string(socket.status().message()),
                AllOf(HasSubstr("--listen"), HasSubstr(address.ToString()), HasSubstr(why)));
  }
}

TEST(ListeningSocket, TakesOverADeadUnixSocketAndNothingElse) {
  const TemporaryFolder folder;
  const ListenAddress address{.unix_path = folder.Path("x.sock")};
  {
    auto socket = ListeningSocket::Open("--listen", address);
    ASSERT_TRUE(socket.ok()) << socket.status();
    EXPECT_EQ(socket->address().ToString(), "unix:" + address.unix_path);
    const auto second = ListeningSocket::Open("--listen", address);
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
    close(socket->Release());  // as when the process is killed: the file stays
  }
  EXPECT_TRUE(std::filesystem::exists(address.unix_path));
  EXPECT_TRUE(ListeningSocket::Open("--listen", address).ok());
  EXPECT_FALSE(std::filesystem::exists(address.unix_path)) << "a closed socket leaves no file";
  folder.Write("x.sock", "precious");
  const auto refused = ListeningSocket::Open("--listen", address);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("no socket"));
  EXPECT_EQ(ReadWholeFile(address.unix_path), "precious");
}

}  // namespace
}  // namespace pass
